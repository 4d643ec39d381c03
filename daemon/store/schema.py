"""Which revision the database is at. Cheap: the migrations themselves are not loaded."""

from typing import Final

from sqlalchemy import Column, Engine, MetaData, Table, Text, inspect, select

from daemon.errors import DatabaseMissing, DatabaseTooNew, DatabaseTooOld
from daemon.store.driver_errors import translated

#: Every revision there has been, oldest first; a test holds this to what migrations/ contains.
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
#: The revision that this program works with.
HEAD: Final = REVISIONS[-1]

_VERSION: Final = Table("alembic_version", MetaData(), Column("version_num", Text))


def current_revision(engine: Engine) -> str | None:
    """The revision of the database; None if it has no tables of ours.

    Raises:
        DatabaseError: any child.
    """
    with translated(), engine.connect() as connection:
        if not inspect(connection).has_table(_VERSION.name):
            return None
        return connection.execute(select(_VERSION.c.version_num)).scalar()


def ensure_current(engine: Engine) -> None:
    """Return if this program and the database belong together.

    Raises:
        DatabaseMissing: there is none, or it is empty.
        DatabaseTooOld: it lacks migrations.
        DatabaseTooNew: it has a revision that this program does not know.
        DatabaseError: any other child, if it cannot be asked.
    """
    revision = current_revision(engine)
    if revision is None:
        raise DatabaseMissing("The database is empty.")
    require_known(revision)
    if revision != HEAD:
        raise DatabaseTooOld(f"The database is at revision {revision}; this program needs {HEAD}.")


def require_known(revision: str) -> None:
    """Raise DatabaseTooNew if this program has never heard of the revision."""
    if revision not in REVISIONS:
        raise DatabaseTooNew(
            f"The database is at revision {revision}; this program knows only up to {HEAD}."
        )
