"""Something done again and again beside something else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeat(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` every so often in a thread of its own while the block runs."""
    done = threading.Event()

    def tick() -> None:
        while not done.wait(seconds):
            action()

    ticking = threading.Thread(target=tick, name="display", daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()
