"""What a daemon does besides saving: says that it is there, and looks after its own folders."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from backends.errors import BackendError
from daemon.clock import Clock
from daemon.domain.host import Host
from daemon.domain.outlook import Outlook
from daemon.errors import DaemonActive, DatabaseError, LapseguardError
from daemon.log import LOG
from daemon.services.backup import BackupTools
from daemon.services.measurement import measure_server
from daemon.services.ownership import is_gone
from daemon.services.units import Units

#: A server that was asked for its size is not asked again for so long.
_REST: Final = timedelta(hours=6)
#: Others count on a daemon that they heard of within so long.
PRESENCE: Final = timedelta(seconds=90)
#: Seconds between two looks whether a daemon that seems to be dead says something after all.
_LISTEN: Final = 2.0


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

    def await_alone(
        self, gone: Collection[str], wait: Callable[[float], bool], tell: Callable[[str], None]
    ) -> bool:
        """Refuse to be one of two daemons on a database that is one file.

        One that was heard of lately may have been killed where we cannot see it, as in another
        container. It is waited for until it has been silent for too long.

        Args:
            gone: Owners that are known to be no more.
            wait: Sleeps for so many seconds; true if we are to end instead.
            tell: Told, in a sentence, what is waited for.

        Returns:
            Whether we are alone; false if we were told to end meanwhile.

        Raises:
            DaemonActive: another one was heard of while we waited.
        """
        first: dict[str, datetime] = {}
        while True:
            with self._units(read_only=True) as unit:
                now = unit.now()
                others = [each for each in unit.hosts.alive() if not self._is_gone(each.owner)]
            others = [each for each in others if each.owner not in gone]
            if not others:
                return True
            if not first:
                first = {each.owner: each.seen_until for each in others}
                tell(_silence_needed(others, now))
            _require_silence(others, first)
            if wait(_LISTEN):
                return False

    def announce(self) -> None:
        """Say that we are there. Raises DatabaseError."""
        with self._units(at_once=True) as unit:
            unit.hosts.announce(self._owner, self._host, self._slots(), for_=PRESENCE)
            unit.commit()

    def leave(self) -> None:
        """Say that we go; what cannot be said is found out by waiting."""
        try:
            with self._units(at_once=True) as unit:
                unit.hosts.leave(self._owner)
                unit.commit()
        except DatabaseError as error:
            LOG.warning("host.stayed", message=str(error))

    def _is_gone(self, owner: str) -> bool:
        return owner == self._owner or is_gone(owner, self._owner)


def _silence_needed(others: Sequence[Host], now: datetime) -> str:
    left = max(each.seen_until for each in others) - now
    return (
        f"Another daemon ({others[0].owner}) was at work with this SQLite database a moment ago. "
        f"If nothing more is heard of it for {math.ceil(left.total_seconds())} seconds, it is "
        "taken to be dead."
    )


def _require_silence(others: Iterable[Host], first: Mapping[str, datetime]) -> None:
    """Raises DaemonActive for whoever has announced itself since."""
    for each in others:
        if each.seen_until > first.get(each.owner, each.started_at):
            raise DaemonActive(f"Another daemon ({each.owner}) works with this SQLite database.")


class Surveyor:
    """Asks servers of which nothing is known how much they hold, one at each call."""

    def __init__(self, clock: Clock, make_tools: Callable[[], BackupTools]) -> None:
        self._clock = clock
        self._make_tools = make_tools
        self._resting: dict[str, float] = {}

    def measure(self, outlooks: Iterable[Outlook]) -> str | None:
        """Ask the next server, if there is one; its name. What goes wrong is in the log."""
        now = self._clock.monotonic()
        self._resting = {name: until for name, until in self._resting.items() if until > now}
        server = choose_unmeasured(outlooks, frozenset(self._resting))
        if server is None:
            return None
        self._resting[server] = now + _REST.total_seconds()
        try:
            size = measure_server(self._make_tools(), server)
        except (LapseguardError, BackendError) as error:
            LOG.info("server.unmeasured", server=server, message=str(error))
        else:
            LOG.info("server.measured", server=server, bytes=size)
        return server


def choose_unmeasured(outlooks: Iterable[Outlook], resting: frozenset[str]) -> str | None:
    """The next server to stop of those about whose size nothing is known; None if there is none."""
    unknown = [
        (outlook.life.timeline.stop_at, outlook.server)
        for outlook in outlooks
        if outlook.life is not None
        and not outlook.samples
        and outlook.measured_bytes is None
        and outlook.server not in resting
    ]
    return min(unknown)[1] if unknown else None


class Orphans:
    """Staging folders of servers that are registered no more.

    They are only told of, each once: what has arrived in them may be all that is left of a server.
    """

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()

    def tell(self, staging: Path, servers: frozenset[str]) -> None:
        """Log what has become an orphan since the last look."""
        found = orphaned_staging(staging, servers)
        for name in sorted(found - self._told):
            LOG.warning(
                "staging.orphaned",
                folder=str(staging / name),
                message="Its server is not registered any more; remove it if it is not needed.",
            )
        self._told = found


def orphaned_staging(staging: Path, servers: frozenset[str]) -> frozenset[str]:
    """Names of the staging folders that belong to none of these servers."""
    try:
        return frozenset(entry.name for entry in staging.iterdir() if entry.is_dir()) - servers
    except FileNotFoundError:
        return frozenset()
