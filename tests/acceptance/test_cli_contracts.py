"""What people do about contracts, from the command line: decide, prolong, change, close."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.parts.program import Program

PAID = ("--evidence", "order 4711")


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


@pytest.fixture
def fleet(installed: Program) -> Program:
    """A server that stops in ten days, with nothing saved yet."""
    installed.add_server("web-1")
    installed.add_contract("near", in_days(10), "--timezone", "UTC")
    return installed


def planned(fleet: Program) -> list[tuple[str, str, str]]:
    """What is called for, without what moves on with the clock."""
    return [(run["server"], run["reason"], run["finish_by"]) for run in fleet.ask("plan")]


def shown(fleet: Program, name: str = "near") -> Any:
    return fleet.ask("contract", "show", name)


@pytest.mark.parametrize("decision", ["renewing", "let-lapse", "migrated", "snooze"])
def test_no_decision_cancels_a_backup(fleet: Program, decision: str) -> None:
    before = planned(fleet)
    assert len(before) == 1
    until = ("--until", in_days(300)) if decision == "snooze" else ()
    answer = fleet.run(
        *("contract", "ack", "near", "--decision", decision, "--reason", "Li asked", *until)
    )
    assert answer.exit_code == 0
    assert "backups go on" in answer.out
    assert planned(fleet) == before
    (status,) = fleet.ask("status")
    assert "Li asked" in status["acknowledged"]
    assert any("Li asked" in reason for reason in status["reasons"])
    assert "no verified copy" in " ".join(status["reasons"])
    (decided,) = shown(fleet)["acknowledgements"]
    assert (decided["decision"], decided["holds"]) == (decision, True)


def test_a_snooze_beyond_the_stop_is_warned_of_and_needs_an_end(fleet: Program) -> None:
    snooze = ("contract", "ack", "near", "--decision", "snooze", "--reason", "later")
    assert "--until" in fleet.fail(*snooze)["hint"]
    assert "past" in fleet.fail(*snooze, "--until", "2020-01-01")["message"]
    assert "beyond the stop" in fleet.run(*snooze, "--until", in_days(11)).err
    assert "beyond the stop" not in fleet.run(*snooze, "--until", in_days(5)).err


def test_a_decision_holds_for_the_end_that_it_was_about(fleet: Program) -> None:
    fleet.do("contract", "ack", "near", "--decision", "renewing", "--reason", "ordered")
    fleet.do("contract", "renew", "near", "--until", in_days(400), *PAID)
    (decided,) = shown(fleet)["acknowledgements"]
    assert decided["holds"] is False
    assert fleet.ask("status")[0]["acknowledged"] is None
    assert "no, it was about" in fleet.do("contract", "show", "near").replace("\n", " ")


def test_a_renewal_is_recorded_with_who_when_and_why(fleet: Program) -> None:
    fleet.do("contract", "renew", "near", "--until", "2099-01-31T18:30", *PAID)
    after = shown(fleet)
    assert (after["expiry"], after["precision"]) == ("2099-01-31T18:30", "minute")
    (renewal,) = after["renewals"]
    assert (renewal["old_expiry"], renewal["new_expiry"]) == (in_days(10), "2099-01-31T18:30")
    assert renewal["evidence"] == "order 4711"
    assert "@" in renewal["who"]
    assert planned(fleet) == []


@pytest.mark.parametrize(
    ("expiry", "term", "end"),
    [
        ("2096-02-29", "1y", "2097-02-28"),
        ("2099-01-31", "1mo", "2099-02-28"),
        ("2099-11-30T23:59", "1y6mo10d", "2101-06-09T23:59"),
        ("2099-12-31", "30d", "2100-01-30"),
    ],
)
def test_a_term_is_counted_by_the_calendar(
    installed: Program, expiry: str, term: str, end: str
) -> None:
    installed.add_server("web-1")
    installed.add_contract("c-1", expiry, "--timezone", "Asia/Shanghai")
    told = installed.do("contract", "renew", "c-1", "--term", term, *PAID)
    assert f"{term} counts from the old expiry" in told.replace("\n", " ")
    assert shown(installed, "c-1")["expiry"] == end


def test_paid_within_the_grace_a_term_counts_from_the_old_expiry_where_the_provider_says_so(
    installed: Program,
) -> None:
    """Three days late: Huawei counts from the old end, and OVH's preset says the same."""
    installed.add_server("web-1")
    grace = ("--preset", "huawei-ecs-international", "--timezone", "Asia/Singapore")
    installed.add_contract("late", in_days(-3), *grace)
    assert shown(installed, "late")["phase"] == "grace"
    told = installed.do("contract", "renew", "late", "--term", "30d", *PAID)
    assert shown(installed, "late")["expiry"] == in_days(27)
    assert "counts from the old expiry" in told
    assert "nobody says" not in told


def test_where_nobody_says_from_when_a_late_term_counts_the_earlier_end_is_taken(
    installed: Program,
) -> None:
    installed.add_server("web-1")
    phases = ("--phase", "grace:0:ssh,renewal", "--phase", "released:30d:-")
    installed.add_contract("late", in_days(-3), "--timezone", "UTC", *phases)
    told = installed.do("contract", "renew", "late", "--term", "30d", *PAID)
    assert "nobody says" in told
    assert shown(installed, "late")["expiry"] == in_days(27)


def test_a_dry_run_of_a_renewal_shows_its_end_and_records_nothing(fleet: Program) -> None:
    before, plan = shown(fleet), planned(fleet)
    for how in (("--term", "1y"), ("--until", "2099-01-31")):
        told = fleet.do("contract", "renew", "near", *how, *PAID, "--dry-run")
        assert "This was a dry run; nothing was recorded." in told
        document = fleet.ask("contract", "renew", "near", *how, *PAID, "--dry-run")
        assert document["stop_at"] > before["stop_at"]
        after = shown(fleet)
        assert (after["expiry"], after["renewals"]) == (before["expiry"], [])
        assert planned(fleet) == plan


def test_an_end_that_is_not_later_is_refused_unless_it_is_meant(fleet: Program) -> None:
    for date in (in_days(10), in_days(2), "2020-01-01"):
        error = fleet.fail("contract", "renew", "near", "--until", date, *PAID)
        assert "--force" in error["hint"]
    fleet.do("contract", "renew", "near", "--until", in_days(5), *PAID, "--force")
    assert shown(fleet)["expiry"] == in_days(5)
    assert fleet.run("contract", "renew", "near", *PAID).exit_code == 2
    both = ("--until", in_days(9), "--term", "1y")
    assert "Exactly one" in fleet.fail("contract", "renew", "near", *both, *PAID)["message"]


def test_an_update_changes_what_is_given_and_keeps_the_rest(fleet: Program) -> None:
    fleet.add_server("web-2")
    given = ("--reference", "i-4711", "--account", "acme", "--label", "prod", "--server", "web-2")
    fleet.do("contract", "update", "near", *given)
    after = shown(fleet)
    assert (after["reference"], after["account"]) == ("i-4711", "acme")
    assert (after["servers"], after["labels"]) == (["web-2"], ["prod"])
    fleet.do("contract", "update", "near", "--reference", "")
    cleared = shown(fleet)
    assert (cleared["reference"], cleared["account"]) == (None, "acme")
    assert cleared["expiry"] == in_days(10)
    assert "Nothing to change" in fleet.fail("contract", "update", "near")["message"]
    assert fleet.fail("contract", "update", "near", "--server", "web-9")["code"] == "NotFound"


def test_a_preset_and_then_phases_of_its_own_move_the_stop(fleet: Program) -> None:
    fleet.do("contract", "update", "near", "--preset", "huawei-ecs-international")
    assert shown(fleet)["stop_at"] == f"{in_days(25)}T00:00:00Z"
    phases = ("--phase", "stopped:-1d:renewal", "--phase", "released:7d:-")
    fleet.do("contract", "update", "near", *phases)
    after = shown(fleet)
    assert (after["overridden"], after["preset"]) == (True, "huawei-ecs-international")
    assert after["stop_at"] == f"{in_days(9)}T00:00:00Z"
    fleet.do("contract", "update", "near", "--phase", "")
    assert shown(fleet)["stop_at"] == f"{in_days(25)}T00:00:00Z"


@pytest.mark.parametrize("reason", ["migrated", "let-lapse", "the shop moved house"])
def test_a_closed_contract_asks_for_nothing_more_and_says_why(fleet: Program, reason: str) -> None:
    fleet.do("contract", "close", "near", "--reason", reason)
    assert planned(fleet) == []
    after = shown(fleet)
    assert (after["state"], after["closed_reason"]) == ("closed", reason)
    assert after["closed_by"]
    (status,) = fleet.ask("status")
    assert (status["contract"], status["stop_at"]) == (None, None)
    assert f"closed ({reason})" in status["reasons"][0]
    # Of this server there is no copy at all, and that is not hidden by closing.
    assert status["verdict"] == "at risk"
    assert fleet.ask("contract", "list") == []
    assert len(fleet.ask("contract", "list", "--closed")) == 1
    assert "closed" in fleet.fail("contract", "close", "near", "--reason", "again")["message"]
    assert "closed" in fleet.fail("contract", "renew", "near", "--term", "1y", *PAID)["message"]


def test_an_import_that_moves_the_date_stands_down(fleet: Program) -> None:
    assert len(planned(fleet)) == 1
    table = f"name,provider,expires,timezone,servers\nnear,aliyun,{in_days(400)},UTC,web-1\n"
    (fleet.folder / "renewed.csv").write_text(table)
    fleet.do("import", "renewed.csv", "--dry-run")
    assert len(planned(fleet)) == 1
    fleet.do("import", "renewed.csv")
    assert planned(fleet) == []
    (renewal,) = shown(fleet)["renewals"]
    assert renewal["new_expiry"] == in_days(400)
    assert "renewed.csv" in renewal["evidence"]
