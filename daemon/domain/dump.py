"""Databases whose own copy of themselves is kept beside a server's files."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from daemon.domain.duration import check_timeout
from daemon.errors import InvalidValue

POSTGRES: Final = "postgres"
POSTGRES_GLOBALS: Final = "postgres-globals"
MYSQL: Final = "mysql"
MARIADB: Final = "mariadb"
SQLITE: Final = "sqlite"
REDIS: Final = "redis"
COMMAND: Final = "command"

#: What `server dump add` takes, and which of its values mean something there; the first of them
#: has to be given where it is in `_NEEDED`.
_TAKES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        POSTGRES: ("database", "user", "role", "host", "port"),
        POSTGRES_GLOBALS: ("user", "role", "host", "port"),
        MYSQL: ("database", "user"),
        MARIADB: ("database", "user"),
        SQLITE: ("path", "user"),
        REDIS: ("user", "port"),
        COMMAND: ("argv",),
    }
)
_NEEDED: Final = MappingProxyType({POSTGRES: "database", SQLITE: "path", COMMAND: "argv"})
_SUFFIXES: Final = MappingProxyType({POSTGRES: ".pgdump", REDIS: ".rdb", COMMAND: ""})
KINDS: Final = tuple(_TAKES)
_OPTIONAL: Final = ("database", "path", "user", "role", "host", "port", "argv")

#: Seven hours at 40 MB/s are a terabyte; a dump that hangs is still ended within the day.
USUAL_TIMEOUT: Final = timedelta(hours=12)
_LONGEST_TIMEOUT: Final = timedelta(days=7)
_HIGHEST_PORT: Final = 65535
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", re.ASCII)
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseDump:
    """One database that the server dumps while it is captured.

    No password is kept here: programs on the server log in by its own peer rules, `~/.pgpass`
    or `~/.my.cnf`.

    Attributes:
        kind: One of `KINDS`.
        name: Of the file in the captured tree; empty for one made of kind and database.
        database: Its name; with the kinds `mysql` and `mariadb`, None for all of them.
        path: With the kind `sqlite`: the database's file.
        user: Of the server, who runs the program by `sudo -n -u`; None for the login.
        role: Whom PostgreSQL knows the user as; None for the same name.
        host: Where PostgreSQL listens: an address, or the folder of its socket.
        port: Where PostgreSQL or Redis listens; None for the usual one.
        argv: With the kind `command`: the program that prints the copy, and its words.
        timeout: How long it may take; whole seconds.

    Raises:
        InvalidValue: on construction, for a kind that there is not, a value that the kind has no
            use for or cannot do without, or one that could not be used later.
    """

    kind: str
    name: str = ""
    database: str | None = None
    path: str | None = None
    user: str | None = None
    role: str | None = None
    host: str | None = None
    port: int | None = None
    argv: tuple[str, ...] = ()
    timeout: timedelta = USUAL_TIMEOUT

    def __post_init__(self) -> None:
        self._check_kind()
        for word in (self.database, self.role, self.host, *self.argv):
            _check_word(word)
        _check_path(self.path)
        _check_database(self.kind, self.database)
        _check_login(self.user, self.port)
        check_timeout(self.timeout, _LONGEST_TIMEOUT, "A dump")
        object.__setattr__(self, "name", _check_name(self.name or self._usual_name()))

    def _check_kind(self) -> None:
        if self.kind not in _TAKES:
            raise InvalidValue(
                f"{self.kind!r} is no kind of database.", hint=f"One of {', '.join(KINDS)}."
            )
        needed = _NEEDED.get(self.kind)
        if needed and not getattr(self, needed):
            raise InvalidValue(f"A dump of the kind {self.kind} needs {_ASKED[needed]}.")
        for key in _OPTIONAL:
            if getattr(self, key) and key not in _TAKES[self.kind]:
                raise InvalidValue(
                    f"A dump of the kind {self.kind} has no use for {_ASKED[key]}.",
                    hint=f"It takes {', '.join(_TAKES[self.kind])}.",
                )

    def _usual_name(self) -> str:
        """The kind, what is dumped and a port; whatever names cannot have becomes `_`."""
        said = {MYSQL: self.database or "all", MARIADB: self.database or "all"}
        what = said.get(self.kind, self.database or self.path or _program(self.argv))
        words = (*what.split("/"), str(self.port or ""))
        clean = (re.sub(r"[^A-Za-z0-9_.-]+", "_", word).strip("_.") for word in words)
        return "-".join((self.kind, *filter(None, clean))) + _SUFFIXES.get(self.kind, ".sql")


#: Values in words, for errors.
_ASKED: Final = MappingProxyType(
    {
        "database": "the name of a database",
        "path": "the path of a database's file",
        "user": "a user of the server",
        "role": "a role of the database",
        "host": "a host",
        "port": "a port",
        "argv": "a command",
    }
)


def check_dumps(dumps: Iterable[DatabaseDump]) -> tuple[DatabaseDump, ...]:
    """The dumps of one server, in the order given.

    Raises:
        InvalidValue: two of them would be the same file.
    """
    taken: set[str] = set()
    dumps = tuple(dumps)
    for dump in dumps:
        if dump.name in taken:
            raise InvalidValue(
                f"Two dumps are called {dump.name}.", hint="Give one of them another name."
            )
        taken.add(dump.name)
    return dumps


def _program(argv: tuple[str, ...]) -> str:
    return posixpath.basename(argv[0]) if argv else ""


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} cannot be the name of a dump.",
            hint="Use 1 to 200 letters, digits, dots, dashes and underscores; not - or . first.",
        )
    return name


def _check_word(word: str | None) -> None:
    """Words go to the server as they are; an empty one would be lost, or mean something else."""
    if word is not None and (not word or not word.isprintable()):
        raise InvalidValue(f"{word!r} is empty, or holds a character that cannot be printed.")


def _check_database(kind: str, database: str | None) -> None:
    if database is None:
        return
    # libpq reads a name with `=` or a scheme as a whole connection string, password included.
    connects = kind == POSTGRES and ("=" in database or "://" in database)
    if connects or database.startswith("-"):
        raise InvalidValue(
            f"{database!r} is not the plain name of a database.",
            hint="Passwords belong in ~/.pgpass or ~/.my.cnf on the server.",
        )


def _check_path(path: str | None) -> None:
    _check_word(path)
    if path is not None and (not path.startswith("/") or ".." in path.split("/")):
        raise InvalidValue(f"{path!r} is not an absolute path without `..`.")


def _check_login(user: str | None, port: int | None) -> None:
    if user is not None and not _USER.fullmatch(user):
        raise InvalidValue(f"{user!r} is not a login name.")
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        raise InvalidValue(f"{port} is not a TCP port.", hint="Ports are 1 to 65535.")
