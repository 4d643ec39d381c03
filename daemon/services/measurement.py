"""Asks a server how much it holds, so that a first run of it can be planned."""

from daemon.services.backup import BackupTools
from daemon.services.request import pull_spec
from daemon.services.units import Units


def measure_server(tools: BackupTools, name: str) -> int | None:
    """Ask the server for the bytes below its paths, and record the answer.

    It takes one login, and a limited time for each path.

    Returns:
        None where the server does not say: a path is missing, adding up takes too long, or the
        key runs nothing but its forced command. Nothing is recorded then.

    Raises:
        NotFound: no such server.
        SshError: it could not be asked.
        DatabaseError: the answer is not on record.
    """
    with tools.units(read_only=True) as work:
        server = work.servers.get(name)
    size = tools.measure(pull_spec(server, tools.staging / name, tools.identity))
    record_size(tools.units, name, size)
    return size


def record_size(units: Units, server: str, size: int | None) -> None:
    """Keep what a server said of its size, in bytes; None tells nothing.

    Raises:
        DatabaseError: it is not on record.
    """
    if size is None:
        return
    with units() as work:
        work.standings.measure(server, size)
        work.commit()
