"""A server may lapse only if every single condition holds; each has its own sentence."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.lapse_gate import LapseAnswer, may_lapse
from daemon.domain.outlook import VerifiedCopy
from daemon.domain.situation import Situation
from daemon.domain.verification import Depth
from tests.factories import NOW
from tests.unit.domain.prospects import (
    DAY,
    HOUR,
    MINUTE,
    a_copy,
    a_prospect,
    an_outlook,
    under_way,
)


def situation(**known: Any) -> Situation:
    (found,) = a_prospect(an_outlook(**known)).situations(NOW)
    return found


def answer(failed_look: str | None = None, **known: Any) -> LapseAnswer:
    return may_lapse(situation(**known), failed_look=failed_look)


@pytest.mark.parametrize(
    "known",
    [
        pytest.param({"copy": a_copy(HOUR)}, id="a copy of the last hour, long before the stop"),
        pytest.param({"copy": a_copy(6 * HOUR)}, id="one exactly as old as the last rung allows"),
        pytest.param(
            {"left": 3 * DAY, "copy": a_copy(HOUR, depth=Depth.RESTORED)}, id="a deeper one"
        ),
        pytest.param(
            {"left": -40 * DAY, "copy": a_copy(40 * DAY + 5 * HOUR)},
            id="after the stop, one of the last interval before it",
        ),
        pytest.param({"left": None, "copy": a_copy(HOUR)}, id="no contract names it, saved now"),
        pytest.param({"left": -DAY, "copy": a_copy(HOUR)}, id="one rescued after the stop"),
    ],
)
def test_it_may_lapse(known: Mapping[str, Any]) -> None:
    assert answer(**known) == LapseAnswer(server="web-1", safe=True, reasons=())


@pytest.mark.parametrize(
    ("known", "why"),
    [
        pytest.param({}, "There is no complete verified copy.", id="no copy"),
        pytest.param(
            {"copy": a_copy(6 * HOUR + MINUTE)},
            "The newest copy is 6 h 1 min old; it has to have begun within the last 6 h.",
            id="an old copy",
        ),
        pytest.param(
            {"copy": a_copy(depth=Depth.LISTED)},
            "The newest copy was verified as listed only; stored is asked for.",
            id="a shallow copy",
        ),
        pytest.param(
            {"copy": a_copy(store="old")},
            "The newest copy is in the store old; the server is saved to main now.",
            id="a copy elsewhere",
        ),
        pytest.param(
            {"copy": a_copy(-HOUR)},
            "The newest copy is dated 1 h ahead: a clock was wrong.",
            id="a copy from the future",
        ),
        pytest.param(
            {"copy": a_copy(), "attempt": under_way()},
            "The run 20261123T060001Z-bbbbbb is under way.",
            id="a run under way",
        ),
        pytest.param(
            {"copy": a_copy(), "attempt": under_way(lease=-DAY)},
            "The run 20261123T060001Z-bbbbbb is under way.",
            id="a run that nobody heard of for long",
        ),
        pytest.param(
            {"copy": a_copy(), "same_fate": ("Both are with aliyun.",)},
            "Both are with aliyun.",
            id="a store that perishes too",
        ),
        pytest.param(
            {"copy": a_copy(), "same_fate": ("Both are with aliyun.",), "fate_accepted": True},
            "Both are with aliyun.",
            id="even if that was accepted when it was registered",
        ),
        pytest.param(
            {"copy": a_copy(), "failed_look": "A pack is gone."},
            "A pack is gone.",
            id="a verification that failed since",
        ),
        pytest.param(
            {"left": -40 * DAY, "copy": a_copy(40 * DAY + 9 * HOUR)},
            "The newest copy is 40 d 9 h old; it has to have begun within 6 h of the stop.",
            id="after the stop, one that is too old for it",
        ),
    ],
)
def test_it_must_not_lapse(known: Mapping[str, Any], why: str) -> None:
    found = answer(**known)
    assert (found.safe, found.reasons) == (False, (why,))


def test_every_reason_is_told_at_once() -> None:
    found = answer(
        "A pack is gone.",
        copy=a_copy(9 * DAY, depth=Depth.LISTED),
        attempt=under_way(),
        same_fate=("Both are with aliyun.",),
    )
    assert len(found.reasons) == 5


def test_a_last_copy_counts_however_old_it_is() -> None:
    """A run of ten hours that began in time is the last one, and older than the last interval."""
    here = situation(left=9 * HOUR, copy=a_copy(7 * HOUR))
    assert not may_lapse(here).safe
    large = situation(left=3 * HOUR, measured_bytes=200 * 1024**3, copy=a_copy(7 * HOUR))
    assert large.has_final_copy
    assert may_lapse(large).safe


copies = st.none() | st.builds(
    a_copy,
    st.integers(-20, 200).map(lambda hours: hours * HOUR),
    depth=st.sampled_from(Depth),
    store=st.sampled_from(["main", "old"]),
)
knowledge = st.fixed_dictionaries(
    {
        "left": st.none() | st.integers(-900, 900).map(lambda hours: hours * HOUR),
        "copy": copies,
        "attempt": st.none() | st.just(under_way()),
        "same_fate": st.sampled_from([(), ("Both are with aliyun.",)]),
    }
)


@given(knowledge, st.none() | st.just("A pack is gone."))
def test_it_is_safe_exactly_if_nothing_speaks_against_it(
    known: dict[str, Any], failed: str | None
) -> None:
    found = answer(failed, **known)
    assert found.safe == (not found.reasons)
    if found.safe:
        copy = known["copy"]
        assert isinstance(copy, VerifiedCopy)
        assert copy.depth >= Depth.STORED
        assert (failed, known["attempt"], known["same_fate"]) == (None, None, ())


@given(knowledge)
def test_accepting_a_fate_forgives_that_and_nothing_else(known: dict[str, Any]) -> None:
    strict = may_lapse(situation(**known))
    lenient = may_lapse(situation(**known), accept_fate=True)
    assert lenient.reasons == tuple(
        reason for reason in strict.reasons if reason not in known["same_fate"]
    )


@given(knowledge, st.integers(0, 500))
def test_an_older_copy_never_lets_a_server_lapse(known: dict[str, Any], hours: int) -> None:
    copy = known["copy"]
    if copy is None or copy.at > NOW:
        return
    older = a_copy(NOW - copy.at + timedelta(hours=hours), depth=copy.depth, store=copy.store)
    assert answer(**(known | {"copy": older})).safe <= answer(**known).safe
