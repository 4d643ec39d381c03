"""What a broken, busy or vanished database does to us: a clear error, and nothing half-done."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from daemon.clock import SystemClock
from daemon.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseMissing,
    DatabaseUnreachable,
)
from daemon.store.engine import open_engine
from daemon.store.schema import ensure_current
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import a_server


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def unit_on(engine: Engine, *, read_only: bool = False) -> UnitOfWork:
    return UnitOfWork(engine, clock=SystemClock(), actor="tester", read_only=read_only)


def file_of(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


def test_an_sqlite_commit_survives_a_power_cut_and_never_uses_wal(sqlite_url):
    connection = sqlite3.connect(file_of(sqlite_url))
    assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    connection.close()
    with engine_on(sqlite_url) as engine, engine.connect() as connection:
        answers = {
            pragma: connection.execute(text(f"PRAGMA {pragma}")).scalar()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert answers == {
        "journal_mode": "truncate",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_a_mistyped_path_does_not_become_an_empty_database(tmp_path):
    with engine_on(f"sqlite:///{tmp_path}/x.db") as engine:
        with pytest.raises(DatabaseMissing) as missing:
            ensure_current(engine)
        assert "init" in missing.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_called_damaged(tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    with engine_on(f"sqlite:///{tmp_path}/x.db") as engine, pytest.raises(DatabaseDamaged):
        ensure_current(engine)


def test_a_writer_that_waits_too_long_says_so_and_works_later(database_url):
    patience = {
        "sqlite": "?timeout=0.1",
        "postgresql": "&options=-c%20lock_timeout%3D100",
    }[database_url.partition("+")[0].partition(":")[0]]
    with engine_on(database_url) as engine, engine_on(database_url + patience) as impatient:
        with unit_on(engine) as holder:
            holder.servers.add(a_server())
            with pytest.raises(DatabaseBusy), unit_on(impatient):
                pytest.fail("two writers at once")
            with unit_on(impatient, read_only=True) as reader:
                assert reader.servers.list() == ()
            holder.commit()
        with unit_on(impatient) as unit:
            assert unit.servers.list() == (a_server(),)


def test_a_writer_waits_its_turn(database_url):
    with engine_on(database_url) as engine:
        order: list[str] = []

        def write() -> None:
            with unit_on(engine) as unit:
                order.append("second")
                assert unit.servers.list() == (a_server(),)

        with unit_on(engine) as first:
            waiting = threading.Thread(target=write)
            waiting.start()
            first.servers.add(a_server())
            waiting.join(0.3)
            order.append("first")
            first.commit()
        waiting.join(20)
        assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("/test_", "/absent_"), "does not exist"),
        (("lapseguard@", "nobody@"), "does not exist"),
        (("?host=", "?host=/nowhere"), "No such file"),
    ],
)
def test_a_server_that_does_not_let_us_in_says_why(postgres_url, change, complaint):
    with (
        engine_on(postgres_url.replace(*change)) as engine,
        pytest.raises(DatabaseUnreachable, match=complaint),
    ):
        ensure_current(engine)


def test_a_connection_cut_in_the_middle_undoes_the_unit_and_the_next_one_works(postgres_url):
    with engine_on(postgres_url) as engine, engine_on(postgres_url) as other:
        with unit_on(engine) as unit:
            unit.servers.add(a_server())
            with other.connect() as administrator:
                administrator.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
            with pytest.raises(DatabaseUnreachable):
                unit.commit()
        with unit_on(engine) as unit:
            assert unit.servers.list() == ()


def test_a_stopped_process_does_not_keep_others_from_writing(postgres_url):
    hasty = f"{postgres_url}&options=-c%20idle_in_transaction_session_timeout%3D100"
    with engine_on(hasty) as stopped, engine_on(postgres_url) as engine:
        with unit_on(stopped) as unit:
            unit.servers.add(a_server(name="stale"))
            # This thread is the process that was stopped: it holds the turn and says nothing.
            with unit_on(engine) as next_:
                next_.servers.add(a_server())
                next_.commit()
            with pytest.raises(DatabaseError):
                unit.commit()
        with unit_on(engine, read_only=True) as unit:
            assert unit.servers.list() == (a_server(),)


def test_the_server_is_told_how_long_we_may_take(postgres_url):
    wanted = {
        "TimeZone": "UTC",
        "synchronous_commit": "on",
        "statement_timeout": "1min",
        "lock_timeout": "30s",
        "idle_in_transaction_session_timeout": "5s",
        "client_connection_check_interval": "5s",
        "application_name": "lapseguard",
    }
    with engine_on(postgres_url) as engine, engine.connect() as connection:
        shown = {name: connection.execute(text(f"SHOW {name}")).scalar() for name in wanted}
        version = connection.dialect.server_version_info
    if version < (14,):
        del wanted["client_connection_check_interval"]
        del shown["client_connection_check_interval"]
    assert shown == wanted


def test_a_reader_may_take_its_time_over_what_it_has_read(postgres_url):
    hasty = f"{postgres_url}&options=-c%20idle_in_transaction_session_timeout%3D100"
    with engine_on(hasty) as engine, unit_on(engine, read_only=True) as unit:
        assert unit.servers.list() == ()
        threading.Event().wait(0.3)
        assert unit.servers.list() == ()
