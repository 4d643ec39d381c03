"""A decision is about one end of a contract, by somebody, for a reason."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import Expiry
from daemon.errors import InvalidValue
from tests.factories import NOW

EXPIRY = Expiry(text="2026-12-31", timezone="Asia/Shanghai")


def decided(**changes):
    given = {
        "contract": "web-2026",
        "decision": Decision.RENEWING,
        "reason": "approved",
        "who": "li@ops",
        "at": NOW,
        "expiry": EXPIRY,
    }
    return Acknowledgement(**(given | changes))


@pytest.mark.parametrize(
    "expiry",
    [
        pytest.param(replace(EXPIRY, text="2027-12-31"), id="another date"),
        pytest.param(replace(EXPIRY, timezone="UTC"), id="another zone"),
        pytest.param(replace(EXPIRY, text="2026-12-31T00:00"), id="another precision"),
    ],
)
def test_a_decision_is_over_once_the_contract_ends_otherwise(expiry):
    assert decided().holds_for(EXPIRY)
    assert not decided().holds_for(expiry)


@pytest.mark.parametrize("decision", list(Decision))
def test_a_snooze_and_nothing_else_has_an_end(decision):
    until = NOW + timedelta(days=7)
    with pytest.raises(InvalidValue, match="snooze"):
        decided(decision=decision, until=None if decision is Decision.SNOOZE else until)
    sound = decided(decision=decision, until=until if decision is Decision.SNOOZE else None)
    assert sound.decision is decision


@pytest.mark.parametrize("missing", ["reason", "who"])
def test_a_decision_needs_a_person_and_a_reason(missing):
    with pytest.raises(InvalidValue, match="person and a reason"):
        decided(**{missing: " "})


def test_a_decision_is_dated_in_utc():
    with pytest.raises(InvalidValue, match="offset"):
        decided(at=datetime(2026, 11, 23))  # noqa: DTZ001 - a naive one is what is refused
