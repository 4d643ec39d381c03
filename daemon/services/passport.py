"""Takes a server's passport beside its capture, by a thread that nobody waits for long."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from io import BytesIO
from typing import Final

from backends.capture.grafting import GraftedFile, Grafting
from backends.capture.places import PASSPORT, PLACE
from backends.errors import BackendError
from backends.passport import Asking
from backends.snapshot.commands import Shell
from daemon.domain.beside import PassportFact

#: Seconds that the end of a capture waits for answers.
PATIENCE: Final = 10.0


class PassportTaking:
    """One run's passport; gaps in it never keep the run from anything.

    Args:
        server: Its name.
        connect: Logs in to it.
        now: The clock.
        stop: Once set, it is not waited for at all.
        patience: See `PATIENCE`.
    """

    def __init__(
        self,
        server: str,
        connect: Callable[[], AbstractContextManager[Shell]],
        *,
        now: Callable[[], datetime],
        stop: threading.Event,
        patience: float = PATIENCE,
    ) -> None:
        self._asking = Asking(server, now=now)
        self._connect = connect
        self._stop = stop
        self._patience = patience
        self._lock = threading.Lock()
        self._grafting: Grafting | None = None
        self._gaps: tuple[str, ...] = ()
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._take, name="passport", daemon=True)

    def ask(self) -> None:
        """Ask in the background; called once."""
        self._thread.start()

    def begin(self, grafting: Grafting) -> None:
        """There is a place for it now: once everything is asked, it is stored at once.

        Raises:
            StoreError, RepositoryError: from the writer.
        """
        with self._lock:
            self._grafting = grafting
        if self._asked.is_set():
            self._store()

    def settle(self) -> None:
        """Store what is known by now, unless that is done.

        Raises:
            StoreError, RepositoryError: from the writer.
        """
        self._thread.join(0 if self._stop.is_set() else self._patience)
        self.end()
        self._store()

    def end(self) -> None:
        """Nobody needs the answers any more."""
        self._asking.give_up()

    def describe(self, file: GraftedFile | None) -> PassportFact | None:
        """What there is to say of it, if that is its file."""
        if file is None:
            return None
        path = f"/{PLACE.decode()}/{file.path}"
        return PassportFact(path=path, size=file.stored.size, gaps=self._gaps)

    def _take(self) -> None:
        self._asking.ask(self._connect)
        self._asked.set()
        try:
            self._store()
        except BackendError:
            # Safe to pass over: a writer that failed says so to everybody else as well.
            return

    def _store(self) -> None:
        with self._lock:
            grafting, self._grafting = self._grafting, None
            if grafting is None:
                return
            passport = self._asking.passport()
            grafting.take(PASSPORT, BytesIO(passport.render()), passport.taken_at)
            self._gaps = passport.gaps
