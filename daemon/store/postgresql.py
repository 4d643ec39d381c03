"""PostgreSQL: connections that notice a dead peer, and never hold anybody up for long."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select

#: Sent with the first packet of each connection. Milliseconds where a time is meant.
_SERVER_SETTINGS: Final[Mapping[str, str]] = {
    "timezone": "UTC",
    "synchronous_commit": "on",
    "statement_timeout": "60000",
    "lock_timeout": "30000",
    # No transaction of ours waits for anything: one that is idle belongs to a process that was
    # stopped or lost, and must not keep others from taking over.
    "idle_in_transaction_session_timeout": "5000",
}
#: The server looks whether we still live while it works for us; known from version 14.
_SINCE_14: Final = "SET client_connection_check_interval = 5000"
_VERSION_14: Final = 140_000
#: Execution options of a connection whose transactions only read: one instant, no writes.
_READING: Final[Mapping[str, Any]] = {
    "isolation_level": "REPEATABLE READ",
    "postgresql_readonly": True,
}
#: A reader keeps nobody from anything, and may need a while to make values of very many rows.
_READER_PATIENCE: Final = "SET LOCAL idle_in_transaction_session_timeout = 60000"
#: The time of the one clock that all hosts share; it goes on during a transaction.
CLOCK: Final = select(func.clock_timestamp())
#: Any fixed number that nothing else in the database locks.
_WRITER_LOCK: Final = 0x6C61707365  # "lapse"
_CLIENT_SETTINGS: Final[Mapping[str, int | str]] = {
    "application_name": "lapseguard",
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def open_postgresql(url: URL) -> Engine:
    """An engine on a server; nothing is opened yet."""
    engine = create_engine(
        url,
        connect_args={**_CLIENT_SETTINGS, "options": _options(url)},
        pool_pre_ping=True,
        pool_timeout=30,
    )
    event.listen(engine, "connect", _on_connect)
    return engine


def begin_reading(connection: Connection) -> None:
    """Begin a transaction that sees one instant and cannot write."""
    connection.execution_options(**_READING).begin()
    connection.exec_driver_sql(_READER_PATIENCE)


def lock_writers(connection: Connection) -> None:
    """Wait until no other writer is in a turn; ours is the only one then until it ends.

    As SQLite has it anyway, where nothing is done. Not a lock on a table: vacuuming the table
    would hold writers up.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_WRITER_LOCK)))


def _options(url: URL) -> str:
    """Ours first, so that an operator can set one otherwise in the URL."""
    ours = " ".join(f"-c {name}={value}" for name, value in _SERVER_SETTINGS.items())
    theirs = url.query.get("options", "")
    return f"{ours} {theirs if isinstance(theirs, str) else ' '.join(theirs)}".strip()


def _on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - psycopg, loaded late
    if connection.info.server_version >= _VERSION_14:
        connection.execute(_SINCE_14)
        connection.commit()
