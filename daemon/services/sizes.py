"""Asks a server how much there is below its paths."""

from collections.abc import Callable
from datetime import datetime

from backends.probe import probe_server
from backends.types import PullSpec

#: For the sizes below one path, where nobody waits at a terminal.
_ADDING_UP_SECONDS = 120.0


def ask_size(spec: PullSpec, now: Callable[[], datetime]) -> int | None:
    """Bytes below the paths of a pull; None where the server cannot say.

    Raises:
        SshError: it could not be asked.
    """
    found = probe_server(
        spec.target, spec.paths, sudo=spec.sudo, now=now, size_seconds=_ADDING_UP_SECONDS
    )
    if found.problem is not None:
        raise found.problem
    return found.size
