"""What is no server and must not lapse unnoticed either: a bucket, the ops host, its domain."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import Contract, Expiry
from daemon.domain.upkeep import Upkeep, upkeep_of
from daemon.domain.verdict import Verdict
from tests.factories import NOW, a_contract
from tests.unit.domain.prospects import DAY, HOUR, an_outlook

BUCKET = a_contract(
    name="bucket",
    servers=(),
    stores=("main", "spare"),
    subject="the domain example.org",
    expiry=Expiry(text="2026-12-31", timezone="UTC"),
)


def a_decision(decision: Decision = Decision.RENEWING, **changes: Any) -> Acknowledgement:
    given: dict[str, Any] = {
        "contract": "bucket",
        "decision": decision,
        "until": NOW + DAY if decision is Decision.SNOOZE else None,
        "reason": "the order is out.",
        "who": "li@ops",
        "at": NOW,
        "expiry": BUCKET.expiry,
    }
    return Acknowledgement(**(given | changes))


def upkeep(
    left: timedelta, decision: Acknowledgement | None = None, contract: Contract = BUCKET
) -> Upkeep:
    life = an_outlook(left=left).life
    assert life is not None
    found = upkeep_of(contract, life.timeline, decision, NOW)
    assert found is not None
    return found


def test_a_contract_of_servers_alone_is_none() -> None:
    life = an_outlook().life
    assert life is not None
    assert upkeep_of(a_contract(), life.timeline, None, NOW) is None


@pytest.mark.parametrize(
    ("left", "verdict", "near"),
    [
        pytest.param(30 * DAY + HOUR, Verdict.SAFE, False, id="more than a month before its end"),
        pytest.param(30 * DAY, Verdict.AT_RISK, True, id="from a month before its end on"),
        pytest.param(timedelta(microseconds=1), Verdict.AT_RISK, True, id="to its last moment"),
        pytest.param(timedelta(), Verdict.LATE, True, id="once it has stopped"),
        pytest.param(-400 * DAY, Verdict.LATE, True, id="and ever after"),
    ],
)
def test_it_is_spoken_of_as_its_end_nears(left: timedelta, verdict: Verdict, near: bool) -> None:  # noqa: FBT001 - a column of the table
    found = upkeep(left)
    assert (found.verdict(NOW), found.is_near(NOW)) == (verdict, near)


def test_a_sentence_says_what_ends_when() -> None:
    assert upkeep(9 * DAY).sentence(NOW) == (
        "The contract bucket of the store main and the store spare and the domain example.org "
        "stops in 9 d, on 2026-12-02T06:01:01Z."
    )
    assert "stopped 2 h ago, on 2026-11-23T04:01:01Z." in upkeep(-2 * HOUR).sentence(NOW)


@pytest.mark.parametrize("decision", [Decision.RENEWING, Decision.LET_LAPSE, Decision.MIGRATED])
def test_what_was_decided_stops_reminders_and_is_still_shown(decision: Decision) -> None:
    found = upkeep(9 * DAY, a_decision(decision))
    assert (found.verdict(NOW), found.is_near(NOW)) == (Verdict.SAFE, True)
    assert found.sentence(NOW).endswith(f"li@ops decided: {decision.value} (the order is out).")


def test_a_snooze_is_over_when_it_says() -> None:
    found = upkeep(9 * DAY, a_decision(Decision.SNOOZE))
    assert found.verdict(NOW) is Verdict.SAFE
    assert "snooze until 2026-11-24T06:01:01Z" in found.sentence(NOW)
    over = upkeep(9 * DAY, a_decision(Decision.SNOOZE, until=NOW))
    assert over.verdict(NOW) is Verdict.AT_RISK


def test_a_decision_about_another_end_counts_for_nothing() -> None:
    found = upkeep(9 * DAY, a_decision(expiry=Expiry(text="2025-12-31", timezone="UTC")))
    assert found.verdict(NOW) is Verdict.AT_RISK
    assert "decided" not in found.sentence(NOW)


decisions = st.none() | st.builds(a_decision, st.sampled_from(Decision))


@given(st.timedeltas(-400 * DAY, 400 * DAY), st.timedeltas(timedelta(), 400 * DAY), decisions)
def test_time_that_passes_never_makes_it_better(
    left: timedelta, wait: timedelta, decision: Acknowledgement | None
) -> None:
    found = upkeep(left, decision)
    assert found.verdict(NOW + wait) >= found.verdict(NOW)


@given(st.timedeltas(-400 * DAY, timedelta()), decisions)
def test_no_decision_makes_up_for_what_has_stopped(
    left: timedelta, decision: Acknowledgement | None
) -> None:
    assert upkeep(left, decision).verdict(NOW) is Verdict.LATE
