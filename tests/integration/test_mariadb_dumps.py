"""Dumps of a real MariaDB under write load, loaded again as their records say."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.dumps.dump import Dump
from backends.dumps.mysql import mysql_database
from backends.dumps.stream import DumpStream, stream_dump
from backends.source_errors import DumpFailed
from tests.parts.mariadb import MariaDb

#: `move` moves one unit between two accounts, over and over; their sum is always 100.
_TABLES = """
CREATE DATABASE moving;
USE moving;
CREATE TABLE accounts (name VARCHAR(9) PRIMARY KEY, held INTEGER NOT NULL) ENGINE=InnoDB;
CREATE TABLE moves (number INTEGER AUTO_INCREMENT PRIMARY KEY, raw BLOB) ENGINE=InnoDB;
INSERT INTO accounts VALUES ('a', 100), ('b', 0);
DELIMITER //
CREATE PROCEDURE move() BEGIN
  LOOP
    START TRANSACTION;
    UPDATE accounts SET held = held - 1 WHERE name = 'a';
    UPDATE accounts SET held = held + 1 WHERE name = 'b';
    INSERT INTO moves (raw) VALUES (x'00ff0a27');
    COMMIT;
  END LOOP;
END //
"""


@pytest.fixture
def moving(mariadb: MariaDb) -> Iterator[None]:
    """A database whose accounts are never still while the test runs."""
    mariadb.load(_TABLES)
    with _moving(mariadb):
        yield
    mariadb.load("DROP DATABASE IF EXISTS moving;")


@pytest.mark.parametrize("program", ["mariadb-dump", "mysqldump"])
def test_a_database_under_write_load_loads_again_and_is_of_one_instant(
    mariadb: MariaDb, moving: None, tmp_path: Path, program: str
) -> None:
    saved = save(mariadb, mysql_database("moving", program=program), tmp_path)
    stop_moving(mariadb)
    mariadb.load("DROP DATABASE moving;")

    mariadb.load(saved.read_text())

    counts = mariadb.load(
        "USE moving; SELECT SUM(held), MAX(IF(name = 'b', held, 0)), "
        "(SELECT COUNT(*) FROM moves WHERE raw = x'00ff0a27') FROM accounts;"
    )
    held, given, moves = map(int, counts.split())
    assert held == 100
    assert given == moves > 0
    assert "move" in mariadb.load("SHOW PROCEDURE STATUS WHERE Db = 'moving';")


def test_a_dump_of_everything_has_each_database_and_who_may_log_in(
    mariadb: MariaDb, moving: None, tmp_path: Path
) -> None:
    text = save(mariadb, mysql_database(None, program="mariadb-dump"), tmp_path).read_text()

    assert "USE `moving`" in text
    assert "USE `mysql`" in text


def test_a_database_that_is_not_there_is_an_error_in_the_server_s_words(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    with pytest.raises(DumpFailed, match="Unknown database 'nowhere'"):
        save(mariadb, mysql_database("nowhere", program="mariadb-dump"), tmp_path)


def save(mariadb: MariaDb, dump: Dump, folder: Path) -> Path:
    """The dump as a file."""

    def keep(stream: DumpStream) -> Path:
        place = folder / dump.name
        place.write_bytes(b"".join(iter(lambda: stream.read(100_000), b"")))
        return place

    return stream_dump(mariadb.server.target(), dump, keep, timeout=60)


def stop_moving(mariadb: MariaDb) -> None:
    """End the connection that writes."""
    listed = mariadb.load("SELECT id FROM information_schema.processlist WHERE db = 'moving';")
    for connection in listed.split():
        mariadb.load(f"KILL {connection};")


@contextmanager
def _moving(mariadb: MariaDb) -> Iterator[None]:
    with subprocess.Popen(
        [*mariadb.client, "moving", "--execute=CALL move()"], stderr=subprocess.DEVNULL
    ) as mover:
        while mariadb.load("SELECT COUNT(*) FROM moving.moves;") == "0\n":
            assert mover.poll() is None
        yield
        mover.kill()
