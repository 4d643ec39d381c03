"""Databases under write load: units move between two accounts, and their sum is always 100."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from tests.parts.databases import PostgresCluster

_TABLES = """
CREATE TABLE accounts (name text PRIMARY KEY, held integer NOT NULL);
CREATE TABLE moves (number {serial} PRIMARY KEY);
INSERT INTO accounts VALUES ('a', 100), ('b', 0);
"""
_MOVES = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
while True:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE accounts SET held = held - 1 WHERE name = 'a'")
    connection.execute("UPDATE accounts SET held = held + 1 WHERE name = 'b'")
    connection.execute("INSERT INTO moves DEFAULT VALUES")
    connection.execute("COMMIT")
"""
_STANDING = (
    "SELECT sum(held), (SELECT count(*) FROM moves), "
    "(SELECT held FROM accounts WHERE name = 'b') FROM accounts"
)


class _Connection(Protocol):
    def execute(self, statement: str, /) -> Iterator[tuple[int, ...]]: ...


def is_of_one_instant(connection: _Connection) -> bool:
    """Whether no move was read by halves, and there had been some."""
    ((held, moves, given),) = connection.execute(_STANDING)
    return held == 100 and moves == given > 0


@contextmanager
def moving_sqlite(database: Path) -> Iterator[None]:
    """Make a database in a file, and move units in it while the block runs."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(_TABLES.format(serial="integer"))
    mover = subprocess.Popen([sys.executable, "-c", _MOVES, str(database)])
    try:
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            while connection.execute("SELECT count(*) FROM moves").fetchone() == (0,):
                assert mover.poll() is None
        yield
    finally:
        mover.kill()
        mover.wait()


def connect(cluster: PostgresCluster, database: str) -> "psycopg.Connection[tuple[int, ...]]":
    return psycopg.connect(
        host=str(cluster.folder), user="lapseguard", dbname=database, autocommit=True
    )


@contextmanager
def moving_postgres(cluster: PostgresCluster, database: str) -> Iterator[None]:
    """Make a database, and move units in it while the block runs; it goes with the block."""
    cluster.execute(f"CREATE DATABASE {database}")
    over, begun = threading.Event(), threading.Event()
    with connect(cluster, database) as connection:
        connection.execute(_TABLES.format(serial="serial"))

    def move() -> None:
        with connect(cluster, database) as connection:
            while not over.is_set():
                with connection.transaction():
                    connection.execute("UPDATE accounts SET held = held - 1 WHERE name = 'a'")
                    connection.execute("UPDATE accounts SET held = held + 1 WHERE name = 'b'")
                    connection.execute("INSERT INTO moves DEFAULT VALUES")
                begun.set()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        over.set()
        mover.join()
        cluster.execute(f"DROP DATABASE {database} WITH (FORCE)")
