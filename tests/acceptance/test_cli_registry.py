"""Servers and contracts, from the command line: added, shown, changed, ended."""

import sqlite3
from collections.abc import Callable

from tests.parts.program import HOST_KEY, Program
from tests.parts.sshd import Sshd

LOGIN = ("--host", "192.0.2.7", "--user", "backup", "--path", "/srv")


def test_a_server_is_registered_and_shown(installed: Program) -> None:
    installed.add_server("web-1", "--exclude", "*.tmp", "--sudo", "--verify", "hashed")
    (listed,) = installed.ask("server", "list")
    assert listed == installed.ask("server", "show", "web-1")
    expected = {
        "server": "web-1",
        "host": "192.0.2.7",
        "port": 22,
        "user": "backup",
        "host_key": HOST_KEY,
        "paths": ["/srv/www"],
        "excludes": ["*.tmp"],
        "sudo": True,
        "verify": "hashed",
        "repository": f"file://{installed.folder}/store/web-1",
    }
    assert {key: listed[key] for key in expected} == expected
    assert listed["fingerprint"].startswith("SHA256:")


def test_a_server_is_changed_only_where_it_is_asked(installed: Program) -> None:
    installed.add_server("web-1", "--exclude", "*.tmp")
    before = installed.ask("server", "show", "web-1")
    installed.do("server", "update", "web-1", "--path", "/etc", "--port", "2222")
    after = installed.ask("server", "show", "web-1")
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"paths", "port"}
    assert after["paths"] == ["/etc"]


def test_a_server_has_rates_of_its_own_by_the_time_of_the_day(installed: Program) -> None:
    installed.add_server("web-1", "--bandwidth", "08:00 2 MiB, 18:00 off", "--staging", "window")
    shown = installed.ask("server", "show", "web-1")
    office = {"begin": "08:00", "bytes_per_second": 2 * 1024**2}
    assert shown["rates"] == [office, {"begin": "18:00", "bytes_per_second": None}]
    assert (shown["bandwidth"], shown["staging"]) == (2 * 1024**2, "window")
    assert "08:00 2 MiB, 18:00 off" in installed.do("server", "show", "web-1")
    installed.do("server", "update", "web-1", "--bandwidth", "5 MiB/s", "--staging", "")
    after = installed.ask("server", "show", "web-1")
    assert (after["bandwidth"], after["rates"], after["staging"]) == (5 * 1024**2, [], None)
    wrong = installed.fail("server", "update", "web-1", "--bandwidth", "18:00 off, 08:00 2 MiB")
    assert "order of the day" in wrong["message"]
    assert installed.fail("server", "update", "web-1", "--staging", "none")["hint"]


def test_wrong_values_are_refused_before_anything_is_recorded(installed: Program) -> None:
    add = ("server", "add")
    key = ("--host-key", HOST_KEY)
    assert installed.fail(*add, "Web", *LOGIN, *key)["code"] == "InvalidValue"
    assert installed.fail(*add, "w", *LOGIN, *key, "--path", "srv")["hint"] == "Perhaps /srv?"
    assert installed.fail(*add, "w", *LOGIN)["code"] == "UsageError"
    assert installed.fail(*add, "w", *LOGIN, "--host-key", "nonsense")["code"] == "InvalidValue"
    assert installed.fail(*add, "w", *LOGIN, *key, "--store", "mian")["code"] == "NotFound"
    assert installed.fail(*add, "w", *LOGIN, *key, "--identity", "/none")["code"] == "InvalidValue"
    assert installed.ask("server", "list") == []


def test_a_name_is_taken_once_and_an_unknown_one_answered_with_the_nearest(
    installed: Program,
) -> None:
    installed.add_server()
    add = ("server", "add", "web-1", *LOGIN, "--host-key", HOST_KEY)
    assert installed.fail(*add)["code"] == "AlreadyExists"
    error = installed.fail("server", "show", "wbe-1")
    assert error["code"] == "NotFound"
    assert "web-1" in error["hint"]


def test_a_scanned_host_key_is_pinned_only_after_a_yes(
    installed: Program, make_sshd: Callable[..., Sshd]
) -> None:
    sshd = make_sshd()
    target = sshd.target("web-1")
    add = ("server", "add", "web-1", "--host", target.host, "--port", str(target.port))
    add += ("--user", target.user, "--path", "/srv", "--scan")
    refused = installed.fail(*add)
    assert refused["code"] == "NotConfirmed"
    assert "SHA256:" in refused["message"]
    installed.do(*add, "--yes")
    assert installed.ask("server", "show", "web-1")["host_key"] == target.host_key


def test_removing_a_server_asks_and_waits_for_its_contracts(installed: Program) -> None:
    installed.add_server()
    installed.add_contract()
    assert installed.fail("server", "remove", "web-1", "--yes")["code"] == "UsageError"
    ended = installed.run("server", "remove", "web-1", answer="y\n")
    assert ended.exit_code == 2
    assert "no terminal to ask at" in ended.err
    assert "--yes" in ended.err
    assert "c-1" in installed.run("server", "remove", "web-1", "--yes").err
    installed.do("contract", "close", "c-1", "--reason", "migrated")
    installed.do("server", "remove", "web-1", "--yes")
    assert installed.ask("server", "list") == []


def test_a_contract_means_its_earliest_instant(installed: Program) -> None:
    installed.add_server()
    installed.add_contract("zoned", "2099-12-31", "--timezone", "Asia/Shanghai")
    installed.add_contract("bare", "2099-12-31")
    installed.add_contract("exact", "2099-12-31T18:00", "--timezone", "Europe/Berlin")
    contracts = installed.ask("contract", "list")
    assert [(c["contract"], c["expires"], c["precision"]) for c in contracts] == [
        ("bare", "2099-12-30T10:00:00Z", "day"),
        ("zoned", "2099-12-30T16:00:00Z", "day"),
        ("exact", "2099-12-31T17:00:00Z", "minute"),
    ]


def test_wrong_dates_and_zones_are_refused_with_the_right_ones(installed: Program) -> None:
    installed.add_server()
    add = ("contract", "add", "c", "--server", "web-1", "--provider", "p")
    error = installed.fail(*add, "--expires", "2099-12-31", "--timezone", "Asia/Shangai")
    assert error["code"] == "UnknownTimeZone"
    assert "Asia/Shanghai" in error["hint"]
    for date in ("2099-02-30", "31.12.2099", "tomorrow", "2099-12-31T25:00"):
        assert installed.fail(*add, "--expires", date)["code"] == "InvalidValue"
    unknown = ("contract", "add", "c", "--server", "web-2", "--provider", "p")
    assert "web-1" in installed.fail(*unknown, "--expires", "2099-12-31")["hint"]
    assert installed.ask("contract", "list") == []


def test_a_renewal_needs_evidence_and_a_later_date(installed: Program) -> None:
    installed.add_server()
    installed.add_contract("c-1", "2099-12-31", "--timezone", "Asia/Shanghai")
    renew = ("contract", "renew", "c-1")
    assert installed.fail(*renew, "--until", "2100-12-31")["code"] == "UsageError"
    assert installed.fail(*renew, "--until", "2098-01-01", "--evidence", "x")["hint"]
    installed.do(*renew, "--until", "2100-12-31", "--evidence", "order 4711")
    renewed = installed.ask("contract", "show", "c-1")
    assert (renewed["expiry"], renewed["timezone"]) == ("2100-12-31", "Asia/Shanghai")


def test_a_closed_contract_leaves_the_list_but_not_the_record(installed: Program) -> None:
    installed.add_server()
    installed.add_contract()
    installed.do("contract", "close", "c-1", "--reason", "migrated")
    assert installed.ask("contract", "list") == []
    (closed,) = installed.ask("contract", "list", "--closed")
    assert (closed["state"], closed["closed_reason"]) == ("closed", "migrated")
    again = installed.fail("contract", "close", "c-1", "--reason", "again")
    assert again["code"] == "InvalidValue"


def test_every_decision_is_in_the_audit_trail_with_who_made_it(installed: Program) -> None:
    installed.add_server()
    installed.add_contract()
    installed.do("contract", "renew", "c-1", "--until", "2100-12-31", "--evidence", "order 4711")
    with sqlite3.connect(installed.state / "lapseguard.db") as database:
        rows = database.execute("SELECT kind, actor FROM audit_events ORDER BY sequence").fetchall()
    database.close()
    assert [kind for kind, _ in rows] == ["server.added", "contract.added", "contract.renewed"]
    assert all("@" in actor for _, actor in rows)


def test_status_says_what_is_known_and_what_is_missing(installed: Program) -> None:
    installed.add_server()
    installed.add_server("web-2")
    installed.add_contract("c-1", "2099-12-31", "--timezone", "Asia/Shanghai")
    first, second = installed.ask("status")
    assert first["days_left"] > 20000
    expected = {
        "server": "web-1",
        "contract": "c-1",
        "provider": "aliyun",
        "phase": "running",
        "expires": "2099-12-30T16:00:00Z",
        "stop_at": "2099-12-30T16:00:00Z",
        "release_at": "2099-12-30T16:00:00Z",
        "newest_verified": None,
        "verdict": "at risk",
    }
    assert {key: first[key] for key in expected} == expected
    assert "There is no verified copy" in first["reasons"][0]
    assert (second["server"], second["contract"], second["expires"]) == ("web-2", None, None)
    table = installed.do("status")
    assert max(map(len, table.splitlines())) <= 100
    assert "web-2: No contract names this server" in table


def test_history_is_empty_before_the_first_run(installed: Program) -> None:
    installed.add_server()
    assert installed.ask("history") == []
    assert installed.ask("history", "web-1") == []
    assert installed.fail("history", "web-9")["code"] == "NotFound"
    assert installed.fail("show", "20261123T060101Z-3fa9c2")["code"] == "NotFound"
