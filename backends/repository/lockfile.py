"""What a lock object says, and when it no longer counts; restic's rules.

A lock counts for 30 minutes after its time. On the host that made it, it stops counting as soon as
the process that made it is gone.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from backends.errors import RepositoryDamaged
from backends.repository.gotime import format_instant, parse_instant

STALE_AFTER: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One program's claim on a repository.

    Attributes:
        time: When it was made or last refreshed, by its maker's clock.
        exclusive: Nobody else may work there, not even with a shared lock.
        hostname: Where the program runs.
        username: As whom.
        pid: Its process there.
        uid: Number of the user, 0 also where unknown.
        gid: Likewise of the group.
    """

    time: datetime
    exclusive: bool
    hostname: str
    username: str
    pid: int
    uid: int = 0
    gid: int = 0

    def __str__(self) -> str:
        kind = "exclusive" if self.exclusive else "shared"
        since = format_instant(self.time.replace(microsecond=0))
        return f"{kind} lock of {self.username}@{self.hostname}, process {self.pid}, since {since}"

    def renewed(self, now: datetime) -> "Lock":
        """The same claim, as of `now`."""
        return replace(self, time=now)


def conflict(wanted: Lock, found: Lock) -> bool:
    """Whether two claims cannot stand beside each other."""
    return wanted.exclusive or found.exclusive


def is_stale(lock: Lock, now: datetime, hostname: str, is_alive: Callable[[int], bool]) -> bool:
    """Whether a lock no longer counts.

    Args:
        lock: Any program's.
        now: Aware.
        hostname: Of this machine.
        is_alive: Whether this machine has a process of that number.
    """
    if now - lock.time > STALE_AFTER:
        return True
    return lock.hostname == hostname and not is_alive(lock.pid)


def process_exists(pid: int) -> bool:
    """Whether a process of this number runs here, whoever owns it."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def encode_lock(lock: Lock) -> bytes:
    """The JSON of a lock object; zero numbers are left out, as restic does."""
    fields: dict[str, object] = {
        "time": format_instant(lock.time),
        "exclusive": lock.exclusive,
        "hostname": lock.hostname,
        "username": lock.username,
        "pid": lock.pid,
    }
    numbers = {"uid": lock.uid, "gid": lock.gid}
    return orjson.dumps(fields | {name: number for name, number in numbers.items() if number})


def decode_lock(document: bytes) -> Lock:
    """Read it back.

    Raises:
        RepositoryDamaged: malformed.
    """
    try:
        fields: dict[str, Any] = orjson.loads(document)
        return Lock(
            time=parse_instant(fields["time"]),
            exclusive=bool(fields["exclusive"]),
            hostname=str(fields["hostname"]),
            username=str(fields["username"]),
            pid=int(fields["pid"]),
            uid=int(fields.get("uid", 0)),
            gid=int(fields.get("gid", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RepositoryDamaged("A lock object is malformed.") from error
