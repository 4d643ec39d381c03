"""A few threads working through many things, with no more than a few on the way at any time."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Final, TypeVar

#: Mean bytes of a piece of work below which threads hinder each other.
_SMALL: Final = 64 << 10

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def map_in_threads(
    function: Callable[[_In], _Out],
    items: Iterable[_In],
    *,
    threads: int,
    abandon: Callable[[], None] = lambda: None,
) -> Iterator[_Out]:
    """Results in the order of `items`, which is drawn from only as threads become free.

    An error of the function is raised here in its place; what has not begun by then, or when the
    caller stops listening, never begins. `abandon` is called first then, so that what is under
    way can end early: it is waited for.
    """
    with ThreadPoolExecutor(threads, "repository") as pool:
        underway: deque[Future[_Out]] = deque()
        try:
            for item in items:
                underway.append(pool.submit(function, item))
                if len(underway) >= 2 * threads:
                    yield underway.popleft().result()
            while underway:
                yield underway.popleft().result()
        except BaseException:
            abandon()
            raise
        finally:
            for future in underway:
                future.cancel()


class Turns:
    """Decides how many threads decode at the same time, while any number of them fetch.

    Decrypting and hashing large blobs runs outside the interpreter's lock and gains from every
    processor. With small blobs the lock changes hands every few microseconds, and two threads
    take longer than one.
    """

    def __init__(self) -> None:
        self._large = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._small = threading.Lock()

    def take(self, *, pieces: int, size: int) -> AbstractContextManager[object]:
        """The turn to hold while working on so many pieces with so many bytes in all."""
        return self._small if size < pieces * _SMALL else self._large
