"""Databases to test on: SQLite files, and a PostgreSQL server of our own that listens nowhere."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest

from daemon.clock import SystemClock
from daemon.store.engine import open_engine
from daemon.store.migration import upgrade
from daemon.store.unit_of_work import UnitOfWork
from tests.parts.requirement import require

#: Nothing here has to survive a power cut.
SERVER_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "''",
    "max_connections": "40",
    "shared_buffers": "16MB",
    "jit": "off",
}
TEMPLATE = "migrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresCluster:
    """A running server: its socket's folder, its programs, and the user that it runs as."""

    folder: Path
    programs: Path
    user: str | None

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://lapseguard@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement of an administrator."""
        where = {"host": str(self.folder), "user": "lapseguard", "dbname": "postgres"}
        with psycopg.connect(**where, autocommit=True) as connection:
            connection.execute(statement)

    def run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self.programs / program, *arguments],
            user=self.user,
            extra_groups=[] if self.user else None,
            cwd="/",
            check=True,
            capture_output=True,
            timeout=60,
        )

    def start(self) -> None:
        settings = " ".join(f"-c {name}={value}" for name, value in SERVER_SETTINGS.items())
        data, log = self.folder / "data", self.folder / "log"
        options = f"{settings} -k {self.folder}"
        self.run("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.folder / "data")


def postgres_programs() -> Path | None:
    """The folder of the newest installed server; Debian keeps it off the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


def unprivileged_user() -> str | None:
    """Who runs the server, since it refuses to be run by root; None for ourselves."""
    if os.geteuid() != 0:
        return None
    return "postgres" if "postgres" in (entry.pw_name for entry in pwd.getpwall()) else "nobody"


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    programs = postgres_programs()
    require(programs, "PostgreSQL", "apt-get install postgresql")
    assert programs is not None
    # Not below pytest's folder: that is closed to other users, and too long for a socket's name.
    folder = Path(tempfile.mkdtemp(prefix="lapseguard-pg-"))
    cluster = PostgresCluster(folder=folder, programs=programs, user=unprivileged_user())
    if cluster.user:
        shutil.chown(folder, cluster.user)
    options = ("-A", "trust", "-U", "lapseguard", "-E", "UTF8", "--locale=C", "--no-sync")
    try:
        cluster.run("initdb", *options, "-D", folder / "data")
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def migrated_template(postgres_cluster: PostgresCluster) -> str:
    """A database with tables, to be copied."""
    postgres_cluster.execute(f"CREATE DATABASE {TEMPLATE}")
    upgrade(postgres_cluster.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with tables, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


_NUMBERS = count(1)


@pytest.fixture
def create_postgres(postgres_cluster: PostgresCluster) -> Iterator[Callable[[str], str]]:
    """Makes a database from a template and gives its URL; all are dropped after the test."""
    names: list[str] = []

    def create(template: str) -> str:
        names.append(f"test_{next(_NUMBERS)}")
        postgres_cluster.execute(f"CREATE DATABASE {names[-1]} TEMPLATE {template}")
        return postgres_cluster.url(names[-1])

    yield create
    for name in names:
        postgres_cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """An SQLite database with tables and no rows."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'lapseguard.db')}"


@pytest.fixture
def postgres_url(create_postgres: Callable[[str], str], migrated_template: str) -> str:
    """A PostgreSQL database with tables and no rows."""
    return create_postgres(migrated_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database with tables and no rows: each test runs on both kinds."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables; as SQLite, not even a file."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lapseguard.db'}"
    create: Callable[[str], str] = request.getfixturevalue("create_postgres")
    return create("template0")


@pytest.fixture
def open_unit(database_url: str) -> Iterator[Callable[..., UnitOfWork]]:
    """Makes units of work on the test's database; its engine is disposed of afterwards."""
    engine = open_engine(database_url)

    def make(**changes: object) -> UnitOfWork:
        given = {"clock": SystemClock(), "actor": "tester"} | changes
        return UnitOfWork(engine, **given)  # type: ignore[arg-type]  # as given by the test

    yield make
    engine.dispose()
