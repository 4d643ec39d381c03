"""What drivers raise comes out as errors that say what to do."""

import sqlite3

import psycopg.errors
import pytest
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from daemon.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseUnreachable,
)
from daemon.store.driver_errors import translated
from daemon.store.errors import DatabaseFull, DatabaseReadOnly


def translate(cause: Exception) -> DatabaseError:
    wrapped = DBAPIError("SELECT secret", None, cause)
    with pytest.raises(DatabaseError) as caught, translated():
        raise wrapped
    assert caught.value.__cause__ is wrapped
    return caught.value


def sqlite_error(code: int | None) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it broke")
    if code is not None:
        error.sqlite_errorcode = code  # type: ignore[attr-defined]  # as the module sets it
    return error


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY), DatabaseBusy),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), DatabaseBusy),
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), DatabaseReadOnly),
        (sqlite_error(sqlite3.SQLITE_FULL), DatabaseFull),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), DatabaseUnreachable),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), DatabaseUnreachable),
        (sqlite_error(sqlite3.SQLITE_CORRUPT_INDEX), DatabaseDamaged),
        (sqlite_error(sqlite3.SQLITE_NOTADB), DatabaseDamaged),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT), DatabaseError),
        (sqlite_error(None), DatabaseError),
        (psycopg.errors.DiskFull("x"), DatabaseFull),
        (psycopg.errors.TooManyConnections("x"), DatabaseUnreachable),
        (psycopg.errors.AdminShutdown("x"), DatabaseUnreachable),
        (psycopg.errors.IdleInTransactionSessionTimeout("x"), DatabaseUnreachable),
        (psycopg.errors.InvalidPassword("x"), DatabaseUnreachable),
        (psycopg.errors.InvalidCatalogName("x"), DatabaseUnreachable),
        (psycopg.errors.LockNotAvailable("x"), DatabaseBusy),
        (psycopg.errors.QueryCanceled("x"), DatabaseBusy),
        (psycopg.errors.DeadlockDetected("x"), DatabaseBusy),
        (psycopg.errors.ReadOnlySqlTransaction("x"), DatabaseReadOnly),
        (psycopg.errors.InsufficientPrivilege("x"), DatabaseReadOnly),
        (psycopg.errors.IndexCorrupted("x"), DatabaseDamaged),
        (psycopg.errors.UniqueViolation("x"), DatabaseError),
        (psycopg.OperationalError("connection refused"), DatabaseUnreachable),
        (psycopg.ProgrammingError("x"), DatabaseError),
    ],
    ids=repr,
)
def test_each_failure_is_an_error_of_its_own_kind(cause, kind):
    assert type(translate(cause)) is kind


def test_only_what_may_pass_by_itself_is_worth_trying_again():
    assert translate(sqlite_error(sqlite3.SQLITE_BUSY)).retryable
    assert not translate(psycopg.errors.DiskFull("x")).retryable


def test_the_message_is_the_first_line_of_the_cause_without_the_statement():
    error = translate(psycopg.errors.DiskFull("no room\nLINE 1: INSERT INTO secret"))
    assert str(error) == "The database says: no room"
    assert str(translate(psycopg.OperationalError())) == "The database says: OperationalError"


def test_an_exhausted_pool_is_busy_and_misuse_is_named():
    with pytest.raises(DatabaseBusy), translated():
        raise PoolTimeout
    with pytest.raises(DatabaseError, match="closed"), translated():
        raise InvalidRequestError("this is closed")
