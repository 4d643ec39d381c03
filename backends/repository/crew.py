"""Background threads with a bound on how much may wait for them."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from backends.repository.failure import Failure

A = TypeVar("A")
T = TypeVar("T")


class Crew:
    """A few threads of one purpose; safe to use from several others.

    Args:
        name: What the threads are called.
        threads: How many.
        places: How much work may be under way or waiting.
        failure: Where the first error of any thread is noted.
    """

    def __init__(self, name: str, *, threads: int, places: int, failure: Failure) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.Semaphore(places)
        self._failure = failure
        self._running: set[Future[Any]] = set()

    def submit(self, work: Callable[[A], T], argument: A) -> "Future[T]":
        """Have a thread do something; waits for a place.

        Raises:
            BaseException: the first error of any thread, where there was one.
        """
        self._places.acquire()
        try:
            future = self._threads.submit(self._run, work, argument)
        except BaseException:
            self._places.release()
            # A crew that was closed meanwhile says so more clearly than its thread pool.
            self._failure.check()
            raise
        self._running.add(future)
        future.add_done_callback(self._end)
        return future

    def settle(self) -> None:
        """Wait for everything that was submitted before.

        Raises:
            BaseException: the first error of any thread.
        """
        wait(tuple(self._running))
        self._failure.check()

    def close(self) -> None:
        """Wait for what is under way, and end the threads."""
        self._threads.shutdown(wait=True)

    def _run(self, work: Callable[[A], T], argument: A) -> T:
        with self._failure.noted():
            self._failure.check()
            return work(argument)

    def _end(self, future: "Future[Any]") -> None:
        self._running.discard(future)
        self._places.release()
