"""Which databases a server dumps, and what its provider calls it, from the command line."""

import tomllib

from tests.parts.program import Program

DUMP = ("server", "dump")
MACHINE = ("server", "machine")
INSTANCE = "i-0123456789abcdef0"


def names(installed: Program) -> list[str]:
    return [dump["dump"] for dump in installed.ask(*DUMP, "list", "web-1")]


def test_dumps_are_added_listed_and_removed(installed: Program) -> None:
    installed.add_server()
    shop = ("--database", "shop", "--user", "postgres", "--timeout", "2h")
    installed.do(*DUMP, "add", "web-1", "postgres", *shop)
    installed.do(*DUMP, "add", "web-1", "command", "--name", "wiki.xml", "--", "/opt/wiki", "-x 1")

    assert names(installed) == ["postgres-shop.pgdump", "wiki.xml"]
    assert "postgres database=shop user=postgres" in installed.do(*DUMP, "list")
    shown = installed.ask("server", "show", "web-1")["dumps"]
    assert [dump["timeout_seconds"] for dump in shown] == [7200, 43200]
    assert shown[1]["command"] == ["/opt/wiki", "-x 1"]

    installed.do(*DUMP, "remove", "web-1", "wiki.xml")
    assert names(installed) == ["postgres-shop.pgdump"]


def test_root_of_a_server_is_told_what_to_allow(installed: Program) -> None:
    installed.add_server()
    installed.do(*DUMP, "add", "web-1", "postgres-globals", "--user", "postgres")
    installed.do(*DUMP, "add", "web-1", "redis")

    by_postgres = "sudo -n -u postgres -- pg_dumpall --globals-only --no-password"
    assert installed.do(*DUMP, "commands", "web-1") == f"{by_postgres}\nredis-cli --rdb -\n"
    assert installed.do(*DUMP, "commands", "web-1", "--sudoers") == (
        "backup ALL = (postgres) NOPASSWD: /usr/bin/pg_dumpall --globals-only --no-password\n"
    )


def test_a_dump_that_cannot_be_is_refused_and_says_why(installed: Program) -> None:
    installed.add_server()
    installed.do(*DUMP, "add", "web-1", "redis")

    assert "Two dumps" in installed.fail(*DUMP, "add", "web-1", "redis")["message"]
    assert "postgres, " in installed.fail(*DUMP, "add", "web-1", "oracle")["hint"]
    assert "needs the path" in installed.fail(*DUMP, "add", "web-1", "sqlite")["message"]
    no_time = (*DUMP, "add", "web-1", "redis", "--name", "x", "--timeout", "0")
    assert "0 seconds" in installed.fail(*no_time)["message"]
    assert "redis.rdb" in installed.fail(*DUMP, "remove", "web-1", "redis.rbd")["hint"]
    assert names(installed) == ["redis.rdb"]


def test_what_the_provider_calls_a_server_is_said_and_taken_back(installed: Program) -> None:
    installed.add_server()
    ebs = ("web-1", "ebs", INSTANCE, "--region", "eu-central-1", "--profile", "rescue")

    told = installed.ask(*MACHINE, "set", *ebs)["machine"]

    assert (told["id"], told["region"], told["profile"]) == (INSTANCE, "eu-central-1", "rescue")
    assert f"id={INSTANCE}" in installed.do("server", "show", "web-1")
    assert installed.ask(*MACHINE, "clear", "web-1")["machine"] is None
    assert "Three commands" in installed.fail(*MACHINE, "set", "web-1", "command", "x")["message"]


def test_how_long_hooks_may_take_is_set_and_set_back(installed: Program) -> None:
    installed.add_server()
    freeze = ("server", "freeze", "web-1", "--hook-timeout")

    assert installed.ask(*freeze, "1h")["hook_timeout_seconds"] == 3600
    assert "hooks get   1h" in installed.do("server", "show", "web-1")
    assert "0 seconds" in installed.fail(*freeze, "0")["message"]
    assert installed.ask(*freeze, "")["hook_timeout_seconds"] == 300


def test_the_fleet_file_carries_all_of_it_and_says_what_an_import_would_change(
    installed: Program,
) -> None:
    installed.add_server()
    fleet = installed.folder / "fleet.toml"
    installed.do("export", str(fleet))
    installed.do(*DUMP, "add", "web-1", "mysql")
    commands = ("--create", "mk 'a b'", "--find", "ls", "--delete", "rm")
    installed.do(*MACHINE, "set", "web-1", "command", "web", *commands)
    before = installed.ask("server", "freeze", "web-1", "--hook-timeout", "10min")
    full = installed.folder / "full.toml"
    installed.do("export", str(full))

    table = tomllib.loads(full.read_text())["servers"]["web-1"]
    assert table["dumps"] == [{"kind": "mysql", "name": "mysql-all.sql"}]
    assert table["machine"]["create"] == ["mk", "a b"]
    assert not installed.ask("import", str(full), "--dry-run")["changed"]
    said = installed.do("import", str(fleet), "--dry-run")
    assert "dumps: kind=mysql name=mysql-all.sql → (none)" in said
    assert "hook_timeout: 10min → (none)" in said

    installed.do("import", str(fleet))
    assert installed.ask("server", "show", "web-1")["dumps"] == []
    installed.do("import", str(full))
    assert installed.ask("server", "show", "web-1") == before
