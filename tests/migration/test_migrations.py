"""Databases come up to date, whole or not at all, and the program knows when they are not."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from daemon.errors import (
    DatabaseDamaged,
    DatabaseError,
    DatabaseMissing,
    DatabaseTooNew,
    DatabaseTooOld,
    DatabaseUnreachable,
)
from daemon.store import schema
from daemon.store.engine import open_engine
from daemon.store.migration import Upgrade, alembic_config, migrations_folder, upgrade
from daemon.store.schema import HEAD, REVISIONS, current_revision, ensure_current
from daemon.store.tables import METADATA
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import FakeClock, a_contract, a_server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty_engine(empty_database_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def test_an_empty_database_gets_everything_at_once(empty_database_url, empty_engine):
    with pytest.raises(DatabaseMissing) as missing:
        ensure_current(empty_engine)
    assert "db upgrade" in missing.value.hint
    assert upgrade(empty_database_url) == Upgrade(before=None, after=HEAD)
    ensure_current(empty_engine)
    assert set(inspect(empty_engine).get_table_names()) == {*METADATA.tables, "alembic_version"}


def test_upgrading_twice_changes_nothing(database_url):
    assert upgrade(database_url) == Upgrade(before=HEAD, after=HEAD)


def test_two_programs_that_upgrade_at_once_do_not_collide(empty_database_url, empty_engine):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upgrade, [empty_database_url] * 2))
    ensure_current(empty_engine)


def test_the_tables_in_the_code_are_those_that_the_migrations_make(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_known_revisions_are_those_in_the_folder():
    scripts = ScriptDirectory.from_config(alembic_config())
    chain = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(chain)) == REVISIONS


def test_rows_survive_an_upgrade(database_url, engine):
    server, contract = a_server(), a_contract()
    with UnitOfWork(engine, clock=FakeClock(), actor="li") as unit:
        unit.servers.add(server)
        unit.contracts.add(contract)
        unit.commit()
    upgrade(database_url)
    with UnitOfWork(engine, clock=FakeClock(), actor="li", read_only=True) as unit:
        assert unit.servers.list() == (server,)
        assert unit.contracts.list() == (contract,)


def test_a_migration_that_fails_halfway_leaves_nothing_behind(empty_database_url, empty_engine):
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE TABLE audit_events (in_the_way INTEGER)"))
    with pytest.raises(DatabaseError, match="audit_events"):
        upgrade(empty_database_url)
    assert inspect(empty_engine).get_table_names() == ["audit_events"]
    assert current_revision(empty_engine) is None


def test_a_database_from_the_future_is_left_alone(database_url, engine):
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (lambda: ensure_current(engine), lambda: upgrade(database_url)):
        with pytest.raises(DatabaseTooNew, match="9999"):
            refused()
    assert current_revision(engine) == "9999"


def test_a_database_from_the_past_says_how_to_bring_it_up_to_date(engine, monkeypatch):
    monkeypatch.setattr(schema, "HEAD", "9999")  # as a later program has it
    with pytest.raises(DatabaseTooOld) as old:
        ensure_current(engine)
    assert "db upgrade" in old.value.hint


@pytest.mark.parametrize(
    "change", ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events"]
)
def test_the_database_itself_refuses_to_change_the_audit_trail(engine, change):
    with UnitOfWork(engine, clock=FakeClock(), actor="li") as unit:
        event = unit.audit.record("note.written", "x", {})
        unit.commit()
    with pytest.raises(Exception, match="never changed or deleted"), engine.begin() as connection:
        connection.execute(text(change))
    with UnitOfWork(engine, clock=FakeClock(), actor="li", read_only=True) as unit:
        assert list(unit.audit.events()) == [event]


def test_a_new_sqlite_file_is_ours_alone(tmp_path):
    old = os.umask(0)
    try:
        upgrade(f"sqlite:///{tmp_path / 'x.db'}")
    finally:
        os.umask(old)
    assert (tmp_path / "x.db").stat().st_mode & 0o777 == 0o600


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DatabaseUnreachable, match="nowhere"):
        upgrade(f"sqlite:///{tmp_path}/nowhere/x.db")


def test_looking_at_the_revision_does_not_load_alembic():
    code = "import sys, daemon.store.schema, daemon.store.unit_of_work as _; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    loaded = shown.stdout.decode().split()
    assert "sqlalchemy" in loaded
    assert not {"alembic", "psycopg"} & set(loaded)


def test_an_installed_package_migrates_with_the_scripts_inside_it(tmp_path):
    for package in ("daemon", "backends"):
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copytree(ROOT / "migrations", tmp_path / "daemon/migrations")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/env.py").write_text("raise SystemExit('of somebody else')")
    code = "from daemon.store.migration import upgrade; print(upgrade('sqlite:///x.db').after)"
    shown = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert shown.stdout.decode().strip() == HEAD


def test_a_checkout_migrates_with_the_scripts_beside_the_package():
    assert migrations_folder() == ROOT / "migrations"


def test_an_upgrade_does_not_pass_over_rows_that_refer_to_nothing(sqlite_url):
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    connection.execute("INSERT INTO contract_servers VALUES ('nowhere', 'web-1', 0)")
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseDamaged, match="contract_servers"):
        upgrade(sqlite_url)
