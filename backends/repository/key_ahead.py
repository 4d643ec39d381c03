"""Derives the key of a repository before its store has been asked for anything.

That takes a third of a second, of a processor that has nothing else to do yet. It needs the
password and the salt of the key file, which stays what it is from run to run: so the salt is kept
here. It is no secret, and nothing relies on it: what was derived counts only for a key file of the
store that has the same salt at the same price, and for which deriving would give the same.
"""

import base64
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from backends.errors import RepositoryDamaged
from backends.repository.scrypt import SALT_SIZE, ScryptCost, derive_bytes

if TYPE_CHECKING:
    from backends.twin import Errand

_MODE: Final = 0o600


class KeyAhead:
    """One repository's key in the making; `begin` it, or leave it.

    Args:
        place: The file that keeps the salt; its folder exists, or nothing is kept.
        read_password: Called once.
    """

    def __init__(self, place: Path, read_password: Callable[[], str]) -> None:
        self._place = place
        self._read_password = read_password
        self._password: str | None = None
        self._reading = threading.Lock()
        self._kept: tuple[bytes, ScryptCost] | None = None
        self._derived: Callable[[], bytes | None] | None = None
        self._errand: Errand | None = None

    def begin(self) -> None:
        """Derive in the background, where a salt was kept."""
        self._kept = _read(self._place)
        if self._kept is not None:
            thread = ThreadPoolExecutor(1, "key")
            self._derived = thread.submit(self._derive, *self._kept).result
            thread.shutdown(wait=False)

    def begin_apart(self) -> None:
        """Likewise in another process, for a program that is to keep its single thread.

        The password is read at once. `end` it, used or not.
        """
        from backends.twin import begin_errand  # noqa: PLC0415 - few need it

        self._kept = _read(self._place)
        if self._kept is None:
            return
        # Safe to pass over: whoever opens the repository reads the password again, and is told.
        with suppress(Exception):
            self.password()
            self._errand = begin_errand(partial(self._derive, *self._kept))
        if self._errand is not None:
            self._derived = cache(self._errand.result)

    def end(self) -> None:
        """Nobody opens the repository any more."""
        if self._errand is not None:
            self._errand.end()

    def password(self) -> str:
        """The password; raises what reading it does."""
        with self._reading:
            if self._password is None:
                self._password = self._read_password()
            return self._password

    def find(self, salt: bytes, cost: ScryptCost) -> bytes | None:
        """What was derived from that; None where nothing was, or it failed."""
        if self._derived is None or self._kept != (salt, cost):
            return None
        # Safe to pass over: whoever asks derives it again, and meets the same.
        with suppress(Exception):
            return self._derived()
        return None

    def keep(self, salt: bytes, cost: ScryptCost) -> None:
        """Derive from that the next time."""
        if self._kept == (salt, cost):
            return
        fields = {"salt": base64.b64encode(salt).decode(), "n": cost.n, "r": cost.r, "p": cost.p}
        # Safe to pass over: the next time takes longer then.
        with suppress(OSError):
            unfinished = self._place.with_suffix(".new")
            with open(unfinished, "wb", opener=_private) as file:
                file.write(orjson.dumps(fields))
            unfinished.replace(self._place)

    def _derive(self, salt: bytes, cost: ScryptCost) -> bytes:
        return derive_bytes(self.password(), salt, cost)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _MODE)


def _read(place: Path) -> tuple[bytes, ScryptCost] | None:
    try:
        fields: dict[str, Any] = orjson.loads(place.read_bytes())
        salt = base64.b64decode(fields["salt"], validate=True)
        cost = ScryptCost(n=int(fields["n"]), r=int(fields["r"]), p=int(fields["p"]))
    except (OSError, ValueError, KeyError, TypeError, RepositoryDamaged):
        # Safe to pass over: nothing is derived ahead then.
        return None
    return (salt, cost) if len(salt) == SALT_SIZE else None
