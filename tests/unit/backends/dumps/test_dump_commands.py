"""Which commands dump a database, and what their files are called."""

import pytest

from backends.dumps.command import command_dump
from backends.dumps.dump import Dump
from backends.dumps.mysql import mysql_database
from backends.dumps.postgres import PostgresLogin, postgres_database, postgres_globals
from backends.dumps.redis import redis_database
from backends.dumps.sqlite import sqlite_database
from backends.source_errors import (
    DumpInvalid,
)


def test_postgresql_is_dumped_plain_by_the_user_who_may_log_in_and_never_asked_for_a_password() -> (
    None
):
    dump = postgres_database("shop", PostgresLogin(user="postgres", port=5433))

    assert " ".join(dump.argv) == (
        "sudo -n -u postgres -- pg_dump --format=custom --compress=0 --lock-wait-timeout=600000 "
        "--dbname=shop --no-password --port=5433"
    )
    assert dump.path == "/.lapseguard/dumps/postgres-shop.pgdump"


def test_the_roles_are_dumped_beside_the_databases() -> None:
    assert " ".join(postgres_globals(PostgresLogin()).argv) == (
        "pg_dumpall --globals-only --no-password"
    )


@pytest.mark.parametrize(
    ("database", "chosen", "name"),
    [
        ("shop", ("--databases", "shop"), "mysql-shop.sql"),
        (None, ("--all-databases",), "mysql-all.sql"),
    ],
)
def test_mysql_is_dumped_in_one_transaction(
    database: str | None, chosen: tuple[str, ...], name: str
) -> None:
    dump = mysql_database(database, program="mariadb-dump")

    assert dump.argv[:2] == ("mariadb-dump", "--single-transaction")
    assert dump.argv[-len(chosen) :] == chosen
    assert dump.name == name


def test_redis_sends_what_it_would_send_to_a_replica() -> None:
    assert redis_database(port=6380).argv == ("redis-cli", "-p", "6380", "--rdb", "-")
    assert redis_database().name == "redis.rdb"


def test_two_sqlite_files_of_one_name_in_two_folders_have_two_names() -> None:
    names = {sqlite_database(f"/srv/{folder}/data.db").name for folder in ("a", "b")}

    assert names == {"sqlite-srv-a-data.db.sql", "sqlite-srv-b-data.db.sql"}


@pytest.mark.parametrize("path", ["data.db", "/srv/../etc/data.db"])
def test_a_sqlite_file_must_be_named_by_its_full_path(path: str) -> None:
    with pytest.raises(DumpInvalid, match="absolute"):
        sqlite_database(path)


def test_a_database_with_an_odd_name_still_has_a_file() -> None:
    dump = postgres_database("my shop/é", PostgresLogin())

    assert dump.name == "postgres-my_shop.pgdump"
    assert "--dbname=my shop/é" in dump.argv


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 201])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(DumpInvalid):
        command_dump(name, ("true",))


def test_a_dump_needs_a_command() -> None:
    with pytest.raises(DumpInvalid, match="no command"):
        Dump(name="x", argv=())
