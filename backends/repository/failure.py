"""The first thing that went wrong among several threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Failure:
    """Remembers the first error, and gives it to every thread that asks from then on."""

    def __init__(self) -> None:
        self._noting = threading.Lock()
        self._error: BaseException | None = None

    def note(self, error: BaseException) -> None:
        """Remember an error, unless there was one before."""
        with self._noting:
            if self._error is None:
                self._error = error

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Remember what goes wrong in the block, and let it pass on."""
        try:
            yield
        except BaseException as error:
            self.note(error)
            raise

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Remember what goes wrong in the block, for a thread that nobody waits for."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - raised again in the threads that ask
            self.note(error)
