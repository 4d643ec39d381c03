"""What a person may say of a database that is dumped."""

from datetime import timedelta
from typing import Any

import pytest

from backends.dumps.mysql import mysql_database
from backends.dumps.postgres import PostgresLogin, postgres_database, postgres_globals
from backends.dumps.redis import redis_database
from backends.dumps.sqlite import sqlite_database
from daemon.domain.dump import DatabaseDump, check_dumps
from daemon.errors import InvalidValue


@pytest.mark.parametrize(
    ("values", "file"),
    [
        (
            {"kind": "postgres", "database": "shop db"},
            postgres_database("shop db", PostgresLogin()).name,
        ),
        ({"kind": "postgres-globals"}, postgres_globals(PostgresLogin()).name),
        ({"kind": "mysql"}, mysql_database(None).name),
        ({"kind": "mysql", "database": "shop"}, mysql_database("shop").name),
        ({"kind": "sqlite", "path": "/srv/a b/x.db"}, sqlite_database("/srv/a b/x.db").name),
        ({"kind": "redis", "port": 6380}, redis_database(port=6380).name),
        ({"kind": "command", "argv": ("/opt/dump it", "-x")}, "command-dump_it"),
    ],
)
def test_a_dump_is_called_like_the_file_it_makes(values: dict[str, Any], file: str) -> None:
    assert DatabaseDump(**values).name == file


def test_a_name_that_was_given_stays() -> None:
    assert DatabaseDump(kind="redis", name="cache.rdb").name == "cache.rdb"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "oracle"}, "no kind of database"),
        ({"kind": "postgres"}, "needs the name of a database"),
        ({"kind": "sqlite"}, "needs the path"),
        ({"kind": "command"}, "needs a command"),
        ({"kind": "redis", "database": "0"}, "no use for the name of a database"),
        ({"kind": "mysql", "port": 3306}, "no use for a port"),
        ({"kind": "redis", "argv": ("x",)}, "no use for a command"),
        ({"kind": "redis", "name": "../etc"}, "cannot be the name"),
        ({"kind": "redis", "name": ".hidden"}, "cannot be the name"),
        ({"kind": "redis", "port": 70000}, "not a TCP port"),
        ({"kind": "redis", "user": "-u root"}, "not a login name"),
        ({"kind": "redis", "timeout": timedelta()}, "cannot be given 0 seconds"),
        ({"kind": "redis", "timeout": timedelta(seconds=1.5)}, "cannot be given 1.5 seconds"),
        ({"kind": "redis", "timeout": timedelta(days=8)}, "cannot be given"),
        ({"kind": "sqlite", "path": "srv/x.db"}, "not an absolute path"),
        ({"kind": "sqlite", "path": "/srv/../x.db"}, "not an absolute path"),
        ({"kind": "command", "argv": ("dump", "")}, "is empty"),
        ({"kind": "command", "argv": ("dump", "a\nb")}, "cannot be printed"),
        ({"kind": "mysql", "database": "--all"}, "not the plain name"),
    ],
)
def test_what_could_not_be_dumped_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        DatabaseDump(**values)


@pytest.mark.parametrize("database", ["dbname=shop password=x", "postgresql://li:x@db/shop"])
def test_a_password_is_not_smuggled_in_as_a_database(database: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        DatabaseDump(kind="postgres", database=database)

    assert ".pgpass" in refused.value.hint


def test_two_dumps_of_one_name_would_be_one_file() -> None:
    dump = DatabaseDump(kind="redis")

    with pytest.raises(InvalidValue, match=r"Two dumps are called redis\.rdb"):
        check_dumps([dump, dump])
