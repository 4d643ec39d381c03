"""Facts about providers say how far they can be trusted."""

from datetime import date, timedelta

import pytest

from daemon.domain.phase import UNKNOWN_COURSE
from daemon.domain.preset import GOOD_FOR, Confidence, Preset
from daemon.errors import InvalidValue

CHECKED = date(2026, 10, 31)


def a_preset(**changes):
    given = {
        "name": "cloud-server",
        "provider": "cloud",
        "product": "Server",
        "course": UNKNOWN_COURSE,
        "sources": ("https://cloud.example/terms",),
        "checked": CHECKED,
        "confidence": Confidence.HIGH,
    }
    return Preset(**(given | changes))


def test_facts_are_good_for_half_a_year_and_doubtful_the_day_after():
    assert a_preset().doubts(CHECKED + GOOD_FOR) == ()
    (doubt,) = a_preset().doubts(CHECKED + GOOD_FOR + timedelta(days=1))
    assert "2026-10-31" in doubt
    assert timedelta(days=180) == GOOD_FOR


@pytest.mark.parametrize(("confidence", "doubts"), [("high", 0), ("medium", 0), ("low", 1)])
def test_facts_of_low_confidence_are_doubtful_from_the_first_day(confidence, doubts):
    assert len(a_preset(confidence=Confidence(confidence)).doubts(CHECKED)) == doubts


def test_old_facts_of_low_confidence_are_doubtful_twice():
    assert len(a_preset(confidence=Confidence.LOW).doubts(date(2028, 1, 1))) == 2


def test_facts_without_a_source_are_none():
    with pytest.raises(InvalidValue, match="where it is from"):
        a_preset(sources=())
