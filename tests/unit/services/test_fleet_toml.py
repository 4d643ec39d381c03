"""A fleet file is understood, or everything that is wrong with it is named with its place."""

from datetime import timedelta

import pytest

from daemon.domain.fleet import Fleet
from daemon.services.fleet_building import build
from daemon.services.fleet_toml import read_toml
from tests.factories import HOST_KEY, NOW, a_server
from tests.fleets import CONTRACT, SERVER, source


def problems(text: str, recorded: Fleet | None = None) -> list[str]:
    """What is wrong with a fleet file, a line each."""
    entries = read_toml(source(text))
    built = build(entries, recorded or Fleet(), NOW)
    return [
        str(problem).removeprefix("fleet.toml:") for problem in (*entries.problems, *built.problems)
    ]


def test_a_fleet_file_says_what_the_commands_would() -> None:
    built = build(read_toml(source(SERVER + CONTRACT)), Fleet(), NOW)

    assert built.problems == ()
    assert built.fleet.servers == (a_server(),)
    (contract,) = built.fleet.contracts
    assert (contract.name, contract.servers) == ("web-2026", ("web-1",))
    assert str(contract.expiry) == "2026-12-31 Asia/Shanghai"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-12-31", "2026-12-31"),
        ("2026-12-31T18:00:00", "2026-12-31T18:00:00"),
        ("2026-12-31 18:00:30", "2026-12-31T18:00:30"),
        ('"2026-12-31"', "2026-12-31"),
        ('"2026-12-31T18:00"', "2026-12-31T18:00"),
    ],
)
def test_dates_may_be_dates_or_texts(written: str, meant: str) -> None:
    text = CONTRACT.replace("2026-12-31", written) + SERVER
    (contract,) = build(read_toml(source(text)), Fleet(), NOW).fleet.contracts

    assert contract.expiry.text == meant


def test_an_instant_with_an_offset_is_answered_with_the_civil_time_in_utc() -> None:
    (problem,) = problems(CONTRACT.replace("2026-12-31", "2026-12-31T18:00:00+08:00") + SERVER)

    assert 'write "2026-12-31T10:00:00" here and timezone = "UTC"' in problem


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prot = 22", "15: [servers.web-2] `prot` is not a key that is known here; did you mean"),
        ('port = "22"', "15: [servers.web-2] `port` must be a whole number"),
        ("port = 70000", "15: [servers.web-2] `port` cannot be used: 70000 is not a TCP port."),
        ("sudo = 1", "15: [servers.web-2] `sudo` must be true or false"),
        ('verify_depth = "deep"', "15: [servers.web-2] `verify_depth` must be 'listed', 'stored'"),
        ('labels = "prod"', "15: [servers.web-2] `labels` must be a list"),
        ('labels = ["Prod"]', "15: [servers.web-2] `labels` cannot be used: 'Prod' cannot be a"),
        ('excludes = ["- x"]', "15: [servers.web-2] `excludes` cannot be used: The exclude"),
        ('priority = ["/x"]', "12: [servers.web-2] cannot be used: The precious path /x is not"),
        ('bandwidth = "fast"', "15: [servers.web-2] `bandwidth` has `fast`, which is no size like"),
        ("bandwidth = 3", "15: [servers.web-2] `bandwidth` must be at least 1024 bytes a second"),
        ('bandwidth = "18:00 off, 08:00 2 MiB"', "15: [servers.web-2] `bandwidth` must name its"),
        ('staging = "none"', "15: [servers.web-2] `staging` must be 'auto', 'full' or 'window'"),
        ("value = -1", "15: [servers.web-2] `value` cannot be used: The value -1 is not one of"),
    ],
)
def test_a_wrong_key_of_a_server_is_named_with_its_line(line: str, said: str) -> None:
    head = f'host = "h"\nuser = "u"\n{line}\nhost_key = "{HOST_KEY}"\npaths = ["/srv"]\n'

    (problem,) = problems(f"{SERVER}\n\n# two\n\n\n[servers.web-2]\n{head}")

    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Shanghai", "Shangai", "`timezone` cannot be used: This machine knows no time zone"),
        ('"web-1"', '"wbe-1"', "`servers` names 'wbe-1', which is neither registered nor in"),
        ("2026-12-31", '"2026-02-30"', "`expires` cannot be used: The calendar has no 2026-02-30"),
        ("2026-12-31", "18:00:00", "`expires` must be a date, like 2026-12-31"),
        ("2026-12-31", "2026", "`expires` must be a date, like 2026-12-31"),
        ("expires = 2026-12-31\n", "", "`expires` is missing"),
        ('provider = "aliyun"\n', "", "`provider` is missing"),
        ('servers = ["web-1"]\n', "", "cannot be used: The contract web-2026 is about nothing."),
        ("web-2026]", '"Web 1"]', "cannot be used: 'Web 1' cannot be a name."),
    ],
)
def test_a_wrong_key_of_a_contract_is_named(old: str, new: str, said: str) -> None:
    (problem,) = problems(SERVER + CONTRACT.replace(old, new))

    assert said in problem


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ('{ name = "a", start = "soon" }', "`phases[0].start` 'soon' is not a length of time."),
        ('{ name = "a", start = "0", shh = true }', "`phases[0].shh` is not a key that is known"),
        ('{ name = "a" }', "`phases[0].start` is missing"),
        ('{ name = "a", start = "0" }', "`phases` cannot be used: The phases do not say when"),
        ('"a"', "`phases[0]` must be a table, like {name"),
    ],
)
def test_a_wrong_phase_is_named(phases: str, said: str) -> None:
    (problem,) = problems(f"{SERVER}{CONTRACT}phases = [{phases}]\n")

    assert said in problem


def test_all_problems_are_named_at_once() -> None:
    found = problems('[servers.x]\nport = "a"\n[contracts.y]\nservers = ["z"]\nexpires = 1\n')

    told = [problem.split("`")[1] for problem in found]
    assert sorted(told) == sorted(
        ["port", "host", "user", "paths", "host_key", "expires", "servers", "provider"]
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[servers.x\n", "1: is not valid TOML"),
        (SERVER + SERVER, "8: is not valid TOML: Cannot declare"),
        ("[server.x]\n", "1: [server] is not a table that is known here; did you mean `servers`?"),
        ("servers = 3\n", "1: [servers] must be a table"),
        ("[servers]\nx = 3\n", "2: [servers.x] must be a table"),
        ("[servers.a.b]\nhost = 3\n", "1: [servers.a.b] needs quotes around a name with dots."),
        ("x = " + "[" * 5000, "is nested too deeply."),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    (problem,) = problems(text)

    assert problem.strip().startswith(said)


def test_what_looks_like_a_key_inside_a_long_text_does_not_mislead() -> None:
    text = f'{SERVER}{CONTRACT}subject = """\n[servers.x]\nport = 1\n"""\n[servers.x]\nport = ""'

    assert any(problem.startswith("18: [servers.x] `port`") for problem in problems(text))


def test_a_new_server_needs_a_host_key_and_a_known_one_keeps_its_own() -> None:
    text = SERVER.replace(f'host_key = "{HOST_KEY}"', "")

    (problem,) = problems(text)
    assert "ssh-keyscan -t ed25519 192.0.2.7" in problem
    built = build(read_toml(source(text)), Fleet(servers=(a_server(),)), NOW)
    assert built.fleet.servers == (a_server(),)


def test_a_host_key_may_be_pasted_as_a_public_key_file_has_it() -> None:
    text = SERVER.replace(HOST_KEY, f"{HOST_KEY} root@web-1")

    assert build(read_toml(source(text)), Fleet(), NOW).fleet.servers == (a_server(),)


def test_an_empty_file_says_nothing() -> None:
    assert problems("# nothing yet\n") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('dumps = ["shop"]', "`dumps[0]` must be a table, like {kind"),
        ('dumps = [{ database = "shop" }]', "`dumps[0].kind` is missing"),
        ('dumps = [{ kind = "redis", prot = 1 }]', "`dumps[0].prot` is not a key that is known"),
        ('dumps = [{ kind = "oracle" }]', "`dumps[0]` cannot be used: 'oracle' is no kind"),
        ('dumps = [{ kind = "redis" }, { kind = "redis" }]', "`dumps` cannot be used: Two dumps"),
        ('dumps = [{ kind = "redis", timeout = "soon" }]', "`dumps[0].timeout` 'soon' is not a"),
        ('machine = "i-0"', "`machine` must be a table, like {kind"),
        ('machine = { kind = "ebs" }', "`machine.id` is missing"),
        ('machine = { kind = "ebs", id = "web" }', "`machine` cannot be used: 'web' is not the id"),
        ('hook_timeout = "0"', "`hook_timeout` cannot be used: A hook cannot be given 0 seconds."),
    ],
)
def test_what_is_wrong_with_a_dump_or_a_machine_is_named(line: str, said: str) -> None:
    (problem, *_) = problems(f"{SERVER}{line}\n")

    assert problem.startswith(f"7: [servers.web-1] {said}")


def test_dumps_and_a_machine_are_tables_of_their_server() -> None:
    text = """
[[servers.web-1.dumps]]
kind = "postgres"
database = "shop"
timeout = "2h"

[[servers.web-1.dumps]]
kind = "redis"

[servers.web-1.machine]
kind = "ebs"
id = "i-0123456789abcdef0"
region = "eu-central-1"
"""
    built = build(read_toml(source(SERVER + text)), Fleet(), NOW)

    assert built.problems == ()
    (server,) = built.fleet.servers
    assert [dump.name for dump in server.dumps] == ["postgres-shop.pgdump", "redis.rdb"]
    assert server.dumps[0].timeout == timedelta(hours=2)
    assert server.machine is not None
    assert server.machine.region == "eu-central-1"
