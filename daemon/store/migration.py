"""Brings a database up to date. Loads Alembic, so only commands that migrate import this."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, func, make_url, select

import daemon
from daemon.clock import SystemClock
from daemon.errors import DatabaseDamaged
from daemon.store.driver_errors import translated
from daemon.store.engine import open_engine
from daemon.store.schema import HEAD, current_revision, require_known
from daemon.store.sqlite import create_file, sqlite_path
from daemon.store.standings import rebuild_standings

#: Any fixed number; keeps two programs from migrating one PostgreSQL database at once.
_MIGRATION_LOCK = 0x6D696772  # "migr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What an upgrade did: the revisions before (None: it was empty) and after."""

    before: str | None
    after: str


def upgrade(url: str, *, password: str | None = None) -> Upgrade:
    """Create the database's tables, or bring them up to date, in one transaction.

    An SQLite file is created if need be, readable by us only; a PostgreSQL database must exist.

    Args:
        url: See `open_engine`.
        password: Likewise.

    Raises:
        DatabaseTooNew: a newer program has been here; nothing is changed.
        DatabaseError: any other child; nothing is changed.
    """
    parsed = make_url(url)
    if parsed.drivername == "sqlite":
        create_file(sqlite_path(parsed))
    engine = open_engine(url, password=password)
    try:
        return upgrade_engine(engine)
    finally:
        engine.dispose()


def upgrade_engine(engine: Engine) -> Upgrade:
    """See `upgrade`; the database exists and `engine` is open on it."""
    before = current_revision(engine)
    if before is not None:
        require_known(before)
    with translated(), engine.connect() as connection:
        _suspend_foreign_keys(connection)
        with connection.begin():
            _lock(connection)
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
            _require_sound_keys(connection)
            if before != HEAD:
                # By this program's own rules, which migrations of long ago cannot know.
                rebuild_standings(connection, SystemClock())
    return Upgrade(before=before, after=HEAD)


def alembic_config() -> Config:
    """Alembic's configuration; there is no file of it, since every part of it is ours to know."""
    config = Config()
    # Alembic reads this through configparser, for which a lone % is an error.
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    return config


def migrations_folder() -> Path:
    """Where the migrations lie: inside the package when installed, else beside it in a checkout."""
    package = Path(daemon.__file__).parent
    # Inside first: beside an installed package could lie a `migrations` of somebody else's.
    inside = package / "migrations"
    return inside if (inside / "env.py").is_file() else package.parent / "migrations"


def _suspend_foreign_keys(connection: Connection) -> None:
    """SQLite changes a table by building it anew, which must not look like deleting its rows."""
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and driver is not None:
        driver.execute("PRAGMA foreign_keys = OFF")


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))


def _require_sound_keys(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise DatabaseDamaged(f"Rows of {broken[0][0]} refer to rows that are not there.")
