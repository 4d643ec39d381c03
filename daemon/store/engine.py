"""Which database the settings name."""

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from daemon.errors import DatabaseUnreachable
from daemon.store import postgresql, sqlite


def open_engine(url: str, *, password: str | None = None) -> Engine:
    """The database that `url` names; nothing is opened before it is used. Dispose of it at the end.

    Args:
        url: `sqlite:////path/file.db` or `postgresql+psycopg://user@host/name`.
        password: For PostgreSQL, where the URL has none.

    Raises:
        DatabaseUnreachable: the URL names no database that we know how to use.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnreachable("The database URL cannot be read.") from error
    match parsed.drivername:
        case "sqlite":
            return sqlite.open_sqlite(parsed)
        case "postgresql" | "postgresql+psycopg":
            login = parsed if password is None else parsed.set(password=password)
            return postgresql.open_postgresql(login.set(drivername="postgresql+psycopg"))
        case other:
            raise DatabaseUnreachable(
                f"Databases of the kind {other!r} are not supported.",
                hint="Use sqlite:////path/file.db or postgresql+psycopg://user@host/name.",
            )


def begin_reading(connection: Connection) -> None:
    """Begin a transaction that sees one instant, waits for no writer, and cannot write."""
    kind = sqlite if connection.dialect.name == "sqlite" else postgresql
    kind.begin_reading(connection)


def begin_writing(connection: Connection) -> None:
    """Begin a transaction that may write: on SQLite the only one; see `Transaction.take_turn`."""
    connection.begin()
