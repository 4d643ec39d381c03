"""Keeps the garbage collector from looking through a million living objects again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Objects made before the collector looks at the young ones; Python's own figure is 700.
_YOUNG: Final = 100_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect cycles rarely while the block runs; trees and plans have none."""
    before = gc.get_threshold()
    gc.set_threshold(max(_YOUNG, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
