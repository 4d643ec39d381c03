"""What a person could do for better copies of a server, as the commands that do it. Pure."""

import shlex
from collections.abc import Iterator

from backends.database_probe import DatabaseProbe
from backends.source_probe import SourceProbe
from daemon.domain.dump import MARIADB, MYSQL, POSTGRES, POSTGRES_GLOBALS, REDIS, DatabaseDump
from daemon.domain.freezing import AUTO, HOOK, NONE
from daemon.domain.server import Server
from daemon.errors import InvalidValue

_USUAL_PORTS = {"postgres": 5432, "redis": 6379}
#: Stands where a person has to put the name of a database.
_UNKNOWN = "DATABASE"


def recommend(server: Server, found: SourceProbe) -> tuple[str, ...]:
    """Command lines, none for what is so already.

    Args:
        server: As it is recorded.
        found: What its probe says.
    """
    return (*_freezing(server, found), *_dumps(server, found))


def missing_snapshots(server: Server, found: SourceProbe) -> Iterator[str]:
    """Why a server whose record requires snapshots cannot be captured, a sentence each."""
    wanted = server.freezing
    if not wanted.required or wanted.kind in {NONE, HOOK}:
        return
    for volume in found.volumes:
        if not volume.kind:
            why = volume.problem
        elif wanted.kind not in {AUTO, volume.kind}:
            why = f"it is on {volume.fstype}, not for {wanted.kind}"
        else:
            continue
        yield f"{volume.target} cannot be frozen, which the server's record requires: {why}"


def _freezing(server: Server, found: SourceProbe) -> Iterator[str]:
    if server.freezing.kind == HOOK or not found.can_freeze:
        return
    if not found.is_root and not server.sudo:
        yield f"lapseguard server update {server.name} --sudo"
    if server.freezing.kind == NONE:
        yield f"lapseguard server freeze {server.name} --snapshot auto"


def _dumps(server: Server, found: SourceProbe) -> Iterator[str]:
    for database in found.databases:
        user = _user_for(database, server, is_root=found.is_root)
        for dump in _wanted(database, user):
            if not any(_is_same(dump, known) for known in server.dumps):
                yield _command(server.name, dump)


def _user_for(found: DatabaseProbe, server: Server, *, is_root: bool) -> str | None:
    """Who the database lets in without a password, as it is set up by distributions."""
    if found.kind == POSTGRES:
        return None if found.user == server.user else found.user
    return None if is_root or found.kind == REDIS else "root"


def _wanted(found: DatabaseProbe, user: str | None) -> Iterator[DatabaseDump]:
    """The dumps that would hold all of a database server."""
    if found.kind == POSTGRES:
        names = found.names or (_UNKNOWN,)
        kinds = [(POSTGRES_GLOBALS, None), *((POSTGRES, name) for name in names)]
    else:
        kinds = [(found.kind, None)]
    for kind, name in kinds:
        for who in (user, None):
            try:
                yield DatabaseDump(kind=kind, database=name, user=who, port=found.port)
            except InvalidValue:
                continue  # a user of a container, or a database with a name that is none
            break


def _is_same(wanted: DatabaseDump, known: DatabaseDump) -> bool:
    """Whether what is dumped already makes the wanted dump needless."""
    if {wanted.kind, known.kind} <= {MYSQL, MARIADB}:
        return True  # which databases a person wants of it, that person has said
    if wanted.kind != known.kind or _port(wanted) != _port(known):
        return False
    return wanted.database in {known.database, _UNKNOWN}


def _port(dump: DatabaseDump) -> int | None:
    return dump.port or _USUAL_PORTS.get(dump.kind.partition("-")[0])


def _command(server: str, dump: DatabaseDump) -> str:
    options = (
        ("--database", dump.database),
        ("--user", dump.user),
        ("--port", str(dump.port) if dump.port else None),
    )
    words = [word for name, value in options if value for word in (name, value)]
    return shlex.join(["lapseguard", "server", "dump", "add", server, dump.kind, *words])
