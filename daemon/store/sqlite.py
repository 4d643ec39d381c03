"""SQLite: one file, and the settings under which a commit survives a power cut.

Not WAL: every SQLite before 3.51.3 can corrupt a WAL database when one connection checkpoints
while another commits, and Debian 12 has 3.40.1.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from daemon.errors import DatabaseMissing, DatabaseUnreachable
from daemon.store.errors import DatabaseUnfit

_READ_ONLY: Final = "lapseguard_read_only"
#: Execution options of a connection whose transactions only read; `_begin` heeds them.
_READING: Final[Mapping[str, Any]] = {_READ_ONLY: True}
#: How long to wait for another process, unless the URL says `?timeout=SECONDS`.
_BUSY_SECONDS: Final = 30.0
#: Each is set, read back and compared.
_PRAGMAS: Final[Mapping[str, tuple[str, object]]] = {
    "journal_mode": ("TRUNCATE", "truncate"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
    "trusted_schema": ("OFF", 0),
}


def open_sqlite(url: URL) -> Engine:
    """An engine on an existing file; nothing is opened yet.

    Connections are not kept between transactions: opening one costs little, and a kept one could
    outlive the file it was opened on.
    """
    path, patience = sqlite_path(url), _patience(url)
    engine = create_engine(
        "sqlite://", creator=lambda: _connect(path, patience), poolclass=NullPool
    )
    event.listen(engine, "begin", _begin)
    return engine


def begin_reading(connection: Connection) -> None:
    """Begin a transaction that sees one instant and cannot write."""
    connection.execution_options(**_READING).begin()


def sqlite_path(url: URL) -> Path:
    """The file that the URL names."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseUnreachable(
            f"{url} names no file.", hint="Write sqlite:////absolute/path/file.db."
        )
    return Path(url.database)


def create_file(path: Path) -> None:
    """Make an empty database that only we can read, unless there is one.

    Raises:
        DatabaseUnreachable: its folder is missing or not ours to write.
    """
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise DatabaseUnreachable(
            f"The database {path} cannot be created: {error.strerror}.",
            hint="Check `database` in the settings, and that its folder exists and is ours.",
        ) from error


def _patience(url: URL) -> float:
    try:
        return float(str(url.query.get("timeout", _BUSY_SECONDS)))
    except ValueError as error:
        raise DatabaseUnreachable(f"The timeout in {url} is not a number of seconds.") from error


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    if not path.exists():
        raise DatabaseMissing(f"There is no database {path}.")
    # mode=rw: never make an empty file where a real one was expected.
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw",
        uri=True,
        timeout=patience,
        isolation_level=None,  # we say BEGIN ourselves; see `_begin`
        check_same_thread=False,  # the pool hands it to one thread at a time
    )
    try:
        for pragma, (wanted, answer) in _PRAGMAS.items():
            set_pragma(connection, pragma, wanted, answer)
    except BaseException:
        connection.close()
        raise
    return connection


def set_pragma(connection: sqlite3.Connection, pragma: str, wanted: str, answer: object) -> None:
    """Set a pragma and see whether it took. Raises DatabaseUnfit."""
    connection.execute(f"PRAGMA {pragma} = {wanted}").close()
    (got,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    if got != answer:
        raise DatabaseUnfit(f"SQLite answers {pragma} = {got}, not {answer}.")


def _begin(connection: Connection) -> None:
    """Begin as a writer at once, so that what is read stays true until it is acted upon.

    SQLAlchemy's own way of taking over BEGIN from the driver, which would begin too late.
    """
    if connection.get_execution_options().get(_READ_ONLY):
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
