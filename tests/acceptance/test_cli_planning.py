"""What a person, monitoring and scripts are told of deadlines, from the command line."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.parts.program import Program

STATUS_FIELDS = {
    *("server", "contract", "provider", "phase", "expires", "stop_at", "release_at"),
    *("latest_safe_start", "slack_seconds", "newest_verified", "verdict", "reasons"),
}
PLAN_FIELDS = {
    *("server", "contract", "reason", "start_by", "finish_by", "estimate", "feasible"),
    "misses_by_seconds",
}


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


@pytest.fixture
def fleet(installed: Program) -> Program:
    """A server that stops in ten days, and one that has half a year."""
    installed.add_server("web-1", "--label", "front", "--value", "3")
    installed.add_server("far-1")
    near = ("--server", "web-1", "--provider", "huawei", "--timezone", "UTC")
    installed.do("contract", "add", "near", *near, "--expires", in_days(10))
    far = ("--server", "far-1", "--provider", "aliyun", "--timezone", "UTC")
    installed.do("contract", "add", "far", *far, "--expires", in_days(180))
    return installed


def test_the_status_says_when_each_server_stops_and_why_it_is_judged_so(fleet: Program) -> None:
    near, far = fleet.ask("status")
    assert set(near) >= STATUS_FIELDS
    assert (near["server"], far["server"]) == ("web-1", "far-1")
    assert near["stop_at"] == f"{in_days(10)}T00:00:00Z"
    assert near["stop_at"] == near["release_at"]
    assert near["latest_safe_start"] < near["stop_at"]
    assert near["verdict"] == "at risk"
    assert "There is no verified copy; the first is due." in near["reasons"]


def test_a_bucket_and_a_domain_stand_among_the_servers(fleet: Program) -> None:
    """What is no server has the same fields, null where only servers have something to say."""
    domain = ("--subject", "the domain example.org", "--provider", "gandi", "--timezone", "UTC")
    fleet.do("contract", "add", "dns", *domain, "--expires", in_days(5))
    first, *_ = fleet.ask("status")
    assert (first["server"], first["contract"], first["verdict"]) == (None, "dns", "at risk")
    assert first["keeps"] == ["the domain example.org"]
    assert (first["stop_at"], first["slack_seconds"]) == (f"{in_days(5)}T00:00:00Z", None)
    assert {frozenset(row) for row in fleet.ask("status")} == {frozenset(first)}
    told = fleet.do("status")
    # How far the columns stand apart depends on how long the times in the others are.
    assert re.search(r"^the domain example\.org +dns ", told, re.MULTILINE)
    assert "The contract dns of the domain example.org stops in 4 d" in told
    assert [row["server"] for row in fleet.ask("status", "web-1")] == ["web-1"]
    renewing = ("--decision", "renewing", "--reason", "ordered")
    fleet.do("contract", "ack", "dns", *renewing)
    (decided,) = (row for row in fleet.ask("status") if row["contract"] == "dns")
    assert decided["verdict"] == "safe"
    assert "ordered" in decided["acknowledged"]


def test_only_what_is_near_its_stop_is_planned(fleet: Program) -> None:
    (run,) = fleet.ask("plan")
    assert set(run) >= PLAN_FIELDS
    assert (run["server"], run["reason"], run["feasible"]) == ("web-1", "seed", True)
    assert run["start_by"] < run["finish_by"] < f"{in_days(10)}T00:00:00Z"
    assert 0 < run["estimate"]["low_seconds"] <= run["estimate"]["high_seconds"]


def test_what_would_help_is_told_with_the_plan_and_the_status(fleet: Program) -> None:
    """Its run takes longer than it has: only a renewal helps, and the figures bear it out."""
    soon = (datetime.now(UTC) + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M")
    fleet.add_server("late-1")
    late = ("--server", "late-1", "--provider", "aliyun", "--timezone", "UTC")
    fleet.do("contract", "add", "late", *late, "--expires", soon)
    (run,) = (each for each in fleet.ask("plan") if each["server"] == "late-1")
    assert not run["feasible"]
    assert run["misses_by_seconds"] > 0
    (remedy,) = run["remedies"]
    assert remedy.startswith("Renew late until ")
    assert f"late-1 would be in time with: {remedy}" in fleet.do("plan")
    (told,) = fleet.ask("status", "late-1")
    assert any(remedy.rstrip(".") in reason for reason in told["reasons"])


def test_with_a_phase_of_grace_the_stop_is_later(fleet: Program) -> None:
    before = fleet.ask("status", "web-1")[0]["stop_at"]
    phases = ("--phase", "grace:0:ssh,renewal", "--phase", "released:15d:-")
    fleet.do("contract", "update", "near", *phases)
    after = fleet.ask("status", "web-1")[0]
    assert (before, after["stop_at"]) == (
        f"{in_days(10)}T00:00:00Z",
        f"{in_days(25)}T00:00:00Z",
    )


def test_a_renewal_stands_down_and_a_decision_does_not(fleet: Program) -> None:
    fleet.do("contract", "ack", "near", "--decision", "renewing", "--reason", "ordered")
    assert len(fleet.ask("plan")) == 1
    assert "ordered" in fleet.ask("status", "web-1")[0]["acknowledged"]
    fleet.do("contract", "renew", "near", "--term", "1y", "--evidence", "order 4711")
    assert fleet.ask("plan") == []


def test_a_simulation_tells_what_will_happen_and_changes_nothing(fleet: Program) -> None:
    database = fleet.state / "lapseguard.db"
    before = hashlib.sha256(database.read_bytes()).digest()
    events = fleet.ask("simulate", "--until", in_days(11))
    assert hashlib.sha256(database.read_bytes()).digest() == before
    kinds = [event["event"] for event in events]
    assert {"start", "end", "expiry", "stop"} <= set(kinds)
    assert "miss" not in kinds
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert set(events[0]) == {"at", "server", "event", "reason"}


@pytest.mark.parametrize("words", [("plan", "--until"), ("simulate", "--at")], ids=" ".join)
def test_a_look_ahead_needs_a_date_that_is_ahead(fleet: Program, words: tuple[str, ...]) -> None:
    for text, said in (("2020-01-31", "is past"), ("31.1.2099", "not a date")):
        error = fleet.fail(*words, text)
        assert said in error["message"]
        assert "UTC" in error["hint"]
    assert fleet.run("simulate").exit_code == 2


def test_a_plan_up_to_a_date_has_every_run_until_then(fleet: Program) -> None:
    events = fleet.ask("plan", "--until", in_days(11))
    assert {event["event"] for event in events} == {"start", "end"}
    assert {event["server"] for event in events} == {"web-1"}
    starts = [event["at"] for event in events if event["event"] == "start"]
    assert len(starts) > 10
    assert starts[-1] < f"{in_days(10)}T00:00:00Z"


def test_without_the_daemon_the_server_is_lost(fleet: Program) -> None:
    (near,) = (
        each
        for each in fleet.ask("simulate", "--at", in_days(11), "--nothing-runs")
        if each["server"] == "web-1"
    )
    assert near["verdict"] == "lost"


def test_monitoring_gets_one_line_with_figures_and_an_exit_code(fleet: Program) -> None:
    ended = fleet.run("check")
    assert ended.exit_code == 1
    head, _, figures = ended.out.splitlines()[0].partition(" | ")
    assert head.startswith("LAPSEGUARD WARNING - 2 at risk")
    assert "'at risk'=2" in figures
    assert fleet.run("check", "--critical-slack", "300d").exit_code == 2
    (fleet.state / "lapseguard.db").unlink()
    blind = fleet.run("check")
    assert (blind.exit_code, blind.out.split(" - ")[0]) == (3, "LAPSEGUARD UNKNOWN")


def test_a_server_without_a_copy_may_not_lapse(fleet: Program) -> None:
    ended = fleet.run("safe-to-lapse", "web-1", "--json")
    assert ended.exit_code == 1
    assert ended.document["safe"] is False
    assert ended.document["reasons"] == ["There is no complete verified copy."]


def test_labels_and_priorities_stay_when_something_else_changes(installed: Program) -> None:
    installed.add_server("web-1", "--label", "front", "--priority", "/srv/www/shop")
    installed.do("server", "update", "web-1", "--port", "2222")
    shown = installed.ask("server", "show", "web-1")
    assert (shown["labels"], shown["priority"]) == (["front"], ["/srv/www/shop"])
