"""Who holds a claim: a process on a host; and when that process is provably gone."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from backends.repository.lockfile import process_exists

_OWNER: Final = re.compile(
    r"(?P<place>.+):(?P<pid>\d{1,10}):(?P<namespace>[0-9a-f]+)-(?P<token>\S+)"
)
#: Where Linux says which processes this one can see.
_NAMESPACE: Final = Path("/proc/self/ns/pid")


def name_owner(random: Callable[[int], bytes]) -> str:
    """This process as it signs its claims: `host:pid:namespace-random`.

    The namespace keeps containers apart that share a host's name: each numbers its processes
    itself.
    """
    try:
        namespace = _NAMESPACE.stat().st_ino
    except OSError:
        namespace = 0  # not known, so that nobody can ever prove this process gone
    return f"{socket.gethostname()}:{os.getpid()}:{namespace:x}-{random(4).hex()}"


def is_gone(owner: str, own: str, is_alive: Callable[[int], bool] = process_exists) -> bool:
    """Whether `owner` was a process of this very host, and is no more.

    Only then may its claim be taken over before the lease lapses. About other hosts and other
    containers nothing is known, and a number that is in use again proves nothing.

    Args:
        owner: Of a claim, as `name_owner` wrote it there.
        own: As `name_owner` writes it here.
        is_alive: Whether a process of that number exists here.
    """
    theirs, ours = _OWNER.fullmatch(owner), _OWNER.fullmatch(own)
    if theirs is None or ours is None or int(ours["namespace"], 16) == 0:
        return False
    if theirs.group("place", "namespace") != ours.group("place", "namespace"):
        return False
    return not is_alive(int(theirs["pid"]))
