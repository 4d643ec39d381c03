"""What a daemon does besides saving: says that it is there, and looks after its own folders."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from daemon.errors import DaemonActive, DatabaseError
from daemon.services.ownership import is_gone
from daemon.services.units import Units

_LOG = structlog.get_logger("lapseguard")
#: Others count on a daemon that they heard of within so long.
PRESENCE: Final = timedelta(seconds=90)


class Presence:
    """This daemon's place among those that share the database."""

    def __init__(self, *, units: Units, owner: str, host: str, slots: Callable[[], int]) -> None:
        """Prepare.

        Args:
            units: Opens transactions.
            owner: See `name_owner`.
            host: Whose staging we have.
            slots: How many runs we have room for.
        """
        self._units = units
        self._owner = owner
        self._host = host
        self._slots = slots

    def require_alone(self) -> None:
        """Refuse to be one of two daemons on a database that is one file.

        Raises:
            DaemonActive: another one was heard of lately, and is not provably gone.
        """
        with self._units(read_only=True) as unit:
            others = [each for each in unit.hosts.alive() if not self._is_gone(each.owner)]
        if others:
            raise DaemonActive(
                f"Another daemon ({others[0].owner}) works with this SQLite database, last heard "
                f"of less than {int(PRESENCE.total_seconds())} seconds ago."
            )

    def announce(self) -> None:
        """Say that we are there. Raises DatabaseError."""
        with self._units() as unit:
            unit.hosts.announce(
                owner=self._owner, host=self._host, slots=self._slots(), for_=PRESENCE
            )
            unit.commit()

    def leave(self) -> None:
        """Say that we go; what cannot be said is found out by waiting."""
        try:
            with self._units() as unit:
                unit.hosts.leave(self._owner)
                unit.commit()
        except DatabaseError as error:
            _LOG.warning("host.stayed", message=str(error))

    def _is_gone(self, owner: str) -> bool:
        return owner == self._owner or is_gone(owner, self._owner)


def orphaned_staging(staging: Path, servers: frozenset[str]) -> tuple[str, ...]:
    """Names of staging folders whose server is registered no more.

    They are only told of: what has arrived in them may be all that is left of a server.
    """
    try:
        found = sorted(entry.name for entry in staging.iterdir() if entry.is_dir())
    except FileNotFoundError:
        return ()
    return tuple(name for name in found if name not in servers)
