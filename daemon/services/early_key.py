"""Repositories' keys, derived by a second process while this one loads what will use them.

Deriving takes a third of a second of one processor, and so does loading: done side by side, one
of them costs nothing. A run that is named by its server tells by what was kept of that server
which key is needed, before the database is looked at.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from backends.repository.key_ahead import KeyAhead
from daemon.domain.identifier import check_name, is_run_id
from daemon.errors import InvalidValue, LapseguardError
from daemon.s3_settings import repository_password
from daemon.settings import Configuration

if TYPE_CHECKING:  # loads ciphers
    from daemon.services.destination import Destination

_BEFORE: Final = "salt-"
_AFTER: Final = ".json"


def salt_file(staging: Path, server: str, store: str) -> Path:
    """Where a server's backups keep the salt of its repository in a store."""
    return staging / server / f"{_BEFORE}{store}{_AFTER}"


class EarlyKeys:
    """The keys that one command needs, begun as early as it can tell; a context manager.

    Args:
        configuration: Of the program.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._staging = configuration.state_folder.staging
        self._keys: dict[tuple[str, str], KeyAhead] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in self._keys.values():
            key.end()

    def guess(self, named: str) -> None:
        """Begin the key of whoever is named, where that is a server of a single repository."""
        # Safe to pass over: whoever looks it up says what is wrong with the name.
        with suppress(InvalidValue, OSError):
            if not is_run_id(check_name(named)):
                found = [each.name for each in (self._staging / named).glob(f"{_BEFORE}*{_AFTER}")]
                if len(found) == 1:
                    self._begin(found[0].removeprefix(_BEFORE).removesuffix(_AFTER), named)

    def at(
        self, destination: "Callable[[str | None, str], Destination]"
    ) -> "Callable[[str | None, str], Destination]":
        """`destination`, with the key of what it gives in the making."""

        def with_key(store: str | None, server: str) -> "Destination":
            with suppress(LapseguardError):  # safe to pass over: the next line says the same
                name, _ = self._configuration.store(store)
                self._begin(name, server)
            made = destination(store, server)
            return replace(made, ahead=self._keys.get((made.store_name, server)))

        return with_key

    def _begin(self, store: str, server: str) -> None:
        if (store, server) in self._keys:
            return
        place = salt_file(self._staging, server, store)
        key = KeyAhead(place, lambda: repository_password(self._configuration, store).reveal())
        self._keys[store, server] = key
        key.begin_apart()
