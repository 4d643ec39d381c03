"""Where a great many values are made at once, the search for garbage waits."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collection() -> Iterator[None]:
    """Let nobody search for garbage meanwhile.

    Among hundreds of thousands of new values, none of them garbage, the search takes longer than
    all the rest.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
