"""Dumps of real databases under write load, streamed over a real sshd."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from backends.dumps.command import command_dump
from backends.dumps.dump import Dump
from backends.dumps.postgres import PostgresLogin, postgres_database, postgres_globals
from backends.dumps.sqlite import sqlite_database
from backends.dumps.stream import DumpStream, stream_dump
from backends.errors import (
    BackendError,
    BudgetExceeded,
    HostUnreachable,
    TransferInterrupted,
)
from backends.source_errors import (
    DumpFailed,
)
from tests.parts.databases import PostgresCluster
from tests.parts.moving import connect, is_of_one_instant, moving_postgres, moving_sqlite
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

Save = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dumps"


@pytest.fixture
def save(sshd: Sshd, folder: Path) -> Save:
    def save(dump: Dump, **wishes: object) -> str:
        """Into the folder, once it is whole."""

        def keep(stream: DumpStream) -> str:
            content = b"".join(iter(lambda: stream.read(100_000), b""))
            folder.mkdir(exist_ok=True)
            (folder / dump.name).write_bytes(content)
            return dump.name

        return stream_dump(sshd.target(), dump, keep, **{"timeout": 60.0, **wishes})  # type: ignore[arg-type]

    return save


def test_a_sqlite_database_under_write_load_loads_again_and_is_of_one_instant(
    save: Save, folder: Path, tmp_path: Path
) -> None:
    require_program("sqlite3", "sqlite3")
    live = tmp_path / "live.db"
    with moving_sqlite(live):
        name = save(sqlite_database(str(live)))

    with closing(sqlite3.connect(":memory:")) as restored:
        restored.executescript((folder / name).read_text())
        assert is_of_one_instant(restored)
    assert name.endswith("-live.db.sql")


def test_a_postgresql_database_under_write_load_loads_again_and_is_of_one_instant(
    save: Save, folder: Path, postgres_cluster: PostgresCluster
) -> None:
    login = PostgresLogin(role="lapseguard", host=str(postgres_cluster.folder))
    with moving_postgres(postgres_cluster, "moving"):
        name = save(postgres_database("moving", login))

    postgres_cluster.execute("CREATE DATABASE moved")
    try:
        _load(postgres_cluster, "moved", folder / name)
        with connect(postgres_cluster, "moved") as connection:
            assert is_of_one_instant(connection)
    finally:
        postgres_cluster.execute("DROP DATABASE moved WITH (FORCE)")


def test_the_roles_of_a_cluster_are_in_a_dump_of_their_own(
    save: Save, folder: Path, postgres_cluster: PostgresCluster
) -> None:
    login = PostgresLogin(role="lapseguard", host=str(postgres_cluster.folder))

    name = save(postgres_globals(login))

    assert "CREATE ROLE lapseguard" in (folder / name).read_text()


def test_a_dump_arrives_byte_for_byte_in_pieces_no_larger_than_asked_for(sshd: Sshd) -> None:
    program = "import os, sys; sys.stdout.buffer.write(bytes(range(256)) * 5000)"
    dump = command_dump("all.bin", (sys.executable, "-c", program))
    told: list[int] = []

    def read(stream: DumpStream) -> list[bytes]:
        return list(iter(lambda: stream.read(1000), b""))

    pieces = stream_dump(sshd.target(), dump, read, timeout=60, on_bytes=told.append)

    assert b"".join(pieces) == bytes(range(256)) * 5000
    assert max(map(len, pieces)) == 1000
    assert sum(told) == 256 * 5000


@pytest.mark.parametrize(
    ("dump", "told"),
    [
        (command_dump("x", ("sh", "-c", "echo half; echo no such table >&2; exit 3")), "no such"),
        (command_dump("x", ("true",)), "empty"),
        (Dump(name="x", argv=("echo", "half"), ends=b"-- Dump completed"), "cut off"),
        (Dump(name="x", argv=("echo", "error page"), begins=b"PGDMP"), "does not begin"),
        (command_dump("x", ("/nonexistent/pg_dump",)), "nonexistent"),
    ],
)
def test_a_dump_that_is_not_whole_never_comes_to_its_end(
    save: Save, folder: Path, dump: Dump, told: str
) -> None:
    with pytest.raises(DumpFailed, match=told):
        save(dump)

    assert not folder.exists()


def test_what_a_database_says_of_a_refused_connection_is_not_taken_for_the_servers_own(
    save: Save,
) -> None:
    said = "ssh: connect to host db port 5432: Connection refused"

    with pytest.raises(DumpFailed, match="Connection refused"):
        save(command_dump("x", ("sh", "-c", f"echo '{said}' >&2; exit 1")))


@pytest.mark.parametrize(
    ("wishes", "error"),
    [({"most": 1000}, BudgetExceeded), ({"timeout": 1.0}, BudgetExceeded)],
)
def test_a_dump_without_end_is_given_up(
    save: Save, folder: Path, wishes: dict[str, float], error: type[BackendError]
) -> None:
    with pytest.raises(error):
        save(command_dump("zeros", ("sh", "-c", "head -c 5000 /dev/zero; sleep 60")), **wishes)

    assert not folder.exists()


def test_a_dump_is_no_faster_than_it_may_be(save: Save) -> None:
    began = time.monotonic()

    save(command_dump("zeros", ("head", "-c", "300000", "/dev/zero")), rate=lambda: 300_000)

    assert time.monotonic() - began > 0.7


def test_a_dump_ends_when_the_run_is_told_to(save: Save) -> None:
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()

    with pytest.raises(TransferInterrupted, match="on request"):
        save(command_dump("slow", ("sleep", "60")), stop=stop)


def test_a_server_that_is_not_there_is_named_as_such(make_sshd: Callable[..., Sshd]) -> None:
    gone = make_sshd()
    gone.stop()

    with pytest.raises(HostUnreachable):
        stream_dump(
            gone.target(), command_dump("x", ("true",)), lambda dump: dump.read(1), timeout=30
        )


def _load(cluster: PostgresCluster, database: str, archive: Path) -> None:
    subprocess.run(
        [
            "pg_restore",
            f"--host={cluster.folder}",
            "--username=lapseguard",
            f"--dbname={database}",
            str(archive),
        ],
        check=True,
        capture_output=True,
    )
