"""Which databases run on a server; every answer is best effort, and nothing is changed."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from backends.process import readable
from backends.questions import ask, printed
from backends.snapshot.commands import Shell

PROCESSES: Final = ("ps", "-e", "-o", "user:32=,comm=")
LISTENING: Final = ("ss", "-H", "-l", "-n", "-t", "-x")
SERVICES: Final = (
    *("systemctl", "list-units", "--type=service", "--state=running"),
    *("--no-legend", "--no-pager"),
)
#: Characters of what the server said that are passed on.
_LONGEST: Final = 100
_NAMES: Final = (
    "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseProbe:
    """A database server that runs there.

    Attributes:
        kind: `postgres`, `mysql`, `mariadb` or `redis`.
        seen: By what it was noticed.
        user: Who runs it, where that is known.
        port: Where it listens, if that is not the usual port.
        names: Its databases, as far as it told them.
        problem: What stands against a dump of it; else empty.
    """

    kind: str
    seen: tuple[str, ...]
    user: str | None = None
    port: int | None = None
    names: tuple[str, ...] = ()
    problem: str = ""


def find_databases(processes: str, listening: str, services: str) -> tuple[DatabaseProbe, ...]:
    """The database servers in what `PROCESSES`, `LISTENING` and `SERVICES` printed. Pure."""
    running = [line.split(None, 1) for line in processes.splitlines() if len(line.split()) > 1]
    sockets = [words[4] for line in listening.splitlines() if len(words := line.split()) > 4]  # noqa: PLR2004 - the fifth column
    units = [words[0] for line in services.splitlines() if (words := line.lstrip("● ").split())]
    found = (_find(sign, running, sockets, units) for sign in _SIGNS)
    return tuple(probe for probes in found for probe in probes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """By what a database server is noticed.

    Attributes:
        kind: See `DatabaseProbe.kind`.
        processes: Names of its programs while they run.
        port: The usual one.
        socket: Its socket's place; a group `port` where that says one.
        service: Its unit's name.
        program: Makes the dump.
    """

    kind: str
    processes: frozenset[str]
    port: int
    socket: re.Pattern[str]
    service: re.Pattern[str]
    program: str


_SIGNS: Final = (
    _Sign(
        kind="postgres",
        processes=frozenset({"postgres", "postmaster"}),
        port=5432,
        socket=re.compile(r".*/\.s\.PGSQL\.(?P<port>\d+)"),
        service=re.compile(r"postgresql.*\.service"),
        program="pg_dump",
    ),
    _Sign(
        kind="mysql",
        processes=frozenset({"mysqld", "mariadbd"}),
        port=3306,
        socket=re.compile(r".*/(mysql|mysqld|mariadb)\.sock"),
        service=re.compile(r"(mysql|mysqld|mariadb)(@.*)?\.service"),
        program="mysqldump",
    ),
    _Sign(
        kind="redis",
        processes=frozenset({"redis-server", "valkey-server"}),
        port=6379,
        socket=re.compile(r".*/(redis|valkey)[^/]*\.sock"),
        service=re.compile(r"(redis|valkey).*\.service"),
        program="redis-cli",
    ),
)


def _find(
    sign: _Sign, running: Sequence[Sequence[str]], sockets: Sequence[str], units: Sequence[str]
) -> Iterator[DatabaseProbe]:
    """One for each port that a socket names, or one for all signs together."""
    users = [user for user, name in running if name.strip() in sign.processes]
    tcp = [place for place in sockets if place.rpartition(":")[2] == str(sign.port)]
    named = [match for place in sockets if (match := sign.socket.fullmatch(place))]
    seen = (
        *(f"a process of {user}" for user in dict.fromkeys(users)),
        *(f"listens at {place}" for place in (*tcp, *(match[0] for match in named))),
        *(f"the service {unit}" for unit in units if sign.service.fullmatch(unit)),
    )
    if not seen:
        return
    ports = sorted({int(match["port"]) for match in named if "port" in match.groupdict()})
    for port in ports or [sign.port]:
        yield DatabaseProbe(
            kind=sign.kind,
            seen=seen,
            user=users[0] if users else None,
            port=None if port == sign.port else port,
        )


def look_for_databases(shell: Shell) -> tuple[DatabaseProbe, ...]:
    """The database servers that run there, and what stands against dumping them.

    Raises:
        SshError: the connection broke.
    """
    signs = (printed(shell, *argv) for argv in (PROCESSES, LISTENING, SERVICES))
    return tuple(_look_into(shell, found) for found in find_databases(*signs))


def _look_into(shell: Shell, found: DatabaseProbe) -> DatabaseProbe:
    """With the program that could dump it, and the databases that it tells of."""
    kinds = {sign.kind: sign.program for sign in _SIGNS}
    if found.kind == "mysql" and _has(shell, "mariadb-dump"):
        return replace(found, kind="mariadb")
    if not _has(shell, kinds[found.kind]):
        return replace(found, problem=f"{kinds[found.kind]} is not installed there")
    if found.kind != "postgres":
        return found
    names, problem = _names_of_databases(shell, found)
    return replace(found, names=names, problem=problem)


def _has(shell: Shell, program: str) -> bool:
    return bool(re.search(r"\d+\.\d+", printed(shell, program, "--version")))


def _names_of_databases(shell: Shell, found: DatabaseProbe) -> tuple[tuple[str, ...], str]:
    """Asked as the login, then as the database's own user; and why they are not known."""
    port = () if found.port is None else (f"--port={found.port}",)
    query = ("psql", "--no-psqlrc", "--no-password", *port, "-Atc", _NAMES, "postgres")
    said = ""
    for by in ((), ("sudo", "-n", "-u", found.user or "postgres", "--")):
        finished = ask(shell, *by, *query)
        if finished.exit_code == 0:
            return tuple(readable(finished.stdout).splitlines()), ""
        said = (readable(finished.stderr).strip().splitlines() or ["it said nothing"])[0]
    return (), f"its databases are not known: {textwrap.shorten(said, _LONGEST)}"
