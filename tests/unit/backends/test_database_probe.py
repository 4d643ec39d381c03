"""Database servers are noticed by what a server says of its processes, sockets and services."""

import pytest

from backends.database_probe import find_databases

PROCESSES = """\
root                             systemd
postgres                         postgres
postgres                         postgres
mysql                            mariadbd
redis                            redis-server
"""
LISTENING = """\
u_str LISTEN 0 244 /var/run/postgresql/.s.PGSQL.5432 21731 * 0
u_str LISTEN 0 244 /var/run/postgresql/.s.PGSQL.5433 21732 * 0
u_str LISTEN 0 80 /run/mysqld/mysqld.sock 18133 * 0
u_str LISTEN 0 4096 /run/systemd/private 11 * 0
tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*
tcp LISTEN 0 80 127.0.0.1:3306 0.0.0.0:*
tcp LISTEN 0 511 [::1]:6379 [::]:*
"""
SERVICES = """\
  cron.service              loaded active running Regular background program processing daemon
  mariadb.service           loaded active running MariaDB 10.11.6 database server
● postgresql@15-main.service loaded active running PostgreSQL Cluster 15-main
  redis-server.service      loaded active running Advanced key-value store
"""


def test_each_kind_is_found_once_and_each_cluster_of_postgres_by_its_port() -> None:
    found = find_databases(PROCESSES, LISTENING, SERVICES)

    assert [(each.kind, each.user, each.port) for each in found] == [
        ("postgres", "postgres", None),
        ("postgres", "postgres", 5433),
        ("mysql", "mysql", None),
        ("redis", "redis", None),
    ]
    assert found[3].seen == (
        "a process of redis",
        "listens at [::1]:6379",
        "the service redis-server.service",
    )


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (("mysql mysqld\n", "", ""), "mysql"),
        (("", "tcp LISTEN 0 244 127.0.0.1:5432 0.0.0.0:*\n", ""), "postgres"),
        (("", "", "valkey.service loaded active running x\n"), "redis"),
    ],
)
def test_one_sign_is_enough(said: tuple[str, str, str], kind: str) -> None:
    (found,) = find_databases(*said)

    assert found.kind == kind


def test_what_only_sounds_like_a_database_is_none() -> None:
    processes = "root postgresql_exporter\nli redis-cli\nli psql\n"
    listening = "tcp LISTEN 0 1 127.0.0.1:15432 0.0.0.0:*\nu_str LISTEN 0 1 /run/x.sock 1 * 0\n"
    services = "prometheus-mysqld-exporter.service loaded active running x\n"

    assert find_databases(processes, listening, services) == ()


def test_a_server_that_tells_nothing_has_none() -> None:
    assert find_databases("", "", "") == ()
    assert find_databases("ps: bad -o argument", "", "●\n") == ()
