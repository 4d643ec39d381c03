"""PostgreSQL: one archive for each database, and the roles and tablespaces beside them.

`pg_dump` reads everything in one transaction, so the dump is of one instant. The archive is not
compressed by it: the repository compresses, and knows unchanged pieces again only in plain data.
Options are those of pg_dump(1) and pg_dumpall(1), PostgreSQL 11 to 17. The server logs in by its
peer rule or `~/.pgpass`; a password prompt counts as a failure.
"""

from dataclasses import dataclass
from typing import Final

from backends.dumps.dump import Dump, by_user, file_name

#: Milliseconds to wait for a table that somebody holds for himself; then it ends with an error.
_LOCK_WAIT: Final = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLogin:
    """How the programs on the server reach their database; each may be None for the default.

    Attributes:
        user: Of the server, who runs them; None for the login.
        role: Of the database.
        port: Where it listens.
        host: A folder of sockets or an address.
    """

    user: str | None = None
    role: str | None = None
    port: int | None = None
    host: str | None = None

    def argv(self, *program: str) -> tuple[str, ...]:
        """The program, told where to log in and never to ask for a password."""
        chosen = {"username": self.role, "port": self.port, "host": self.host}
        where = (f"--{name}={value}" for name, value in chosen.items() if value is not None)
        return by_user(self.user, *program, "--no-password", *where)


def postgres_database(database: str, login: PostgresLogin, *, name: str | None = None) -> Dump:
    """One database as an archive of `pg_restore`'s own format.

    Args:
        database: Its name.
        login: How it is reached.
        name: Of the file; None for one made of the database's.

    Raises:
        DumpInvalid: no file can be named after it.
    """
    program = (
        *("pg_dump", "--format=custom", "--compress=0"),
        *(f"--lock-wait-timeout={_LOCK_WAIT}", f"--dbname={database}"),
    )
    return Dump(
        name=name or file_name("postgres", database, suffix=".pgdump"),
        argv=login.argv(*program),
        begins=b"PGDMP",
        restore="pg_restore --create --dbname=postgres FILE",
    )


def postgres_globals(login: PostgresLogin, *, name: str = "postgres-globals.sql") -> Dump:
    """Roles and tablespaces, which no database holds, as SQL; load them first."""
    return Dump(
        name=name,
        argv=login.argv("pg_dumpall", "--globals-only"),
        ends=b"PostgreSQL database cluster dump complete",
        restore="psql --file=FILE postgres",
    )
