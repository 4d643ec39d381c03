"""What database drivers raise, as errors of ours."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from daemon.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseUnreachable,
)
from daemon.store.errors import DatabaseFull, DatabaseReadOnly

#: By SQLite's primary result code (the low byte of the extended one).
_SQLITE: Final[Mapping[int, type[DatabaseError]]] = {
    sqlite3.SQLITE_BUSY: DatabaseBusy,
    sqlite3.SQLITE_LOCKED: DatabaseBusy,
    sqlite3.SQLITE_READONLY: DatabaseReadOnly,
    sqlite3.SQLITE_PERM: DatabaseReadOnly,
    sqlite3.SQLITE_FULL: DatabaseFull,
    sqlite3.SQLITE_CANTOPEN: DatabaseUnreachable,
    sqlite3.SQLITE_IOERR: DatabaseUnreachable,
    sqlite3.SQLITE_CORRUPT: DatabaseDamaged,
    sqlite3.SQLITE_NOTADB: DatabaseDamaged,
}
#: By SQLSTATE, the longest beginning that matches (PostgreSQL's appendix A).
_POSTGRESQL: Final[Mapping[str, type[DatabaseError]]] = {
    "08": DatabaseUnreachable,  # connection exceptions
    "25006": DatabaseReadOnly,  # read-only transaction, as on a standby
    "25P03": DatabaseUnreachable,  # we were silent inside a transaction for too long
    "28": DatabaseUnreachable,  # login refused
    "3D": DatabaseUnreachable,  # no such database
    "40": DatabaseBusy,  # deadlock, serialisation failure
    "42501": DatabaseReadOnly,  # no right to
    "53": DatabaseUnreachable,  # too many connections, out of memory
    "53100": DatabaseFull,
    "55P03": DatabaseBusy,  # lock_timeout
    "57014": DatabaseBusy,  # statement_timeout
    "57": DatabaseUnreachable,  # shutting down, crashed, starting
    "58": DatabaseUnreachable,  # the server's disk fails
    "XX": DatabaseDamaged,  # corrupted index or page
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the drivers raise inside into a DatabaseError, the cause kept."""
    try:
        yield
    except DBAPIError as error:
        raise _translate(error) from error
    except PoolTimeout as error:
        raise DatabaseBusy("All connections to the database are in use.") from error
    except SQLAlchemyError as error:
        raise DatabaseError(f"The database refused: {error}") from error


def _translate(error: DBAPIError) -> DatabaseError:
    kind = _kind_of(error.orig)
    return kind(f"The database says: {_first_line(error.orig)}")


def _kind_of(cause: BaseException | None) -> type[DatabaseError]:
    if isinstance(cause, sqlite3.Error):
        # Absent where Python's own module raised it, not SQLite.
        code = getattr(cause, "sqlite_errorcode", None)
        return DatabaseError if code is None else _SQLITE.get(code & 0xFF, DatabaseError)
    state = getattr(cause, "sqlstate", None)
    if state is None:
        # psycopg: no answer from the server that could carry a state.
        return DatabaseUnreachable if _is_operational(cause) else DatabaseError
    beginnings = (state[:length] for length in range(len(state), 0, -1))
    return next((_POSTGRESQL[text] for text in beginnings if text in _POSTGRESQL), DatabaseError)


def _is_operational(cause: BaseException | None) -> bool:
    """By name, since importing psycopg costs what SQLite users need not pay."""
    return any(kind.__name__ == "OperationalError" for kind in type(cause).__mro__)


def _first_line(cause: BaseException | None) -> str:
    """Drivers add hints and quote statements; the first line says what happened."""
    return next(iter(str(cause).strip().splitlines()), type(cause).__name__)
