"""The dates of a contract in a calendar: which there are, and their names, which last."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.agenda import Appointment, Occasion, appointments
from daemon.domain.contract import Contract, Expiry, close
from daemon.domain.life import timeline_of
from daemon.domain.phase import Course, Timeline
from tests.factories import NOW, a_contract
from tests.unit.domain.courses import courses
from tests.unit.domain.prospects import COURSE, DAY, HOUR

CONTRACT = a_contract(servers=("web-1", "web-2"), course=COURSE, reference="4711")
STOP = timeline_of(CONTRACT, None)[0].stop_at


def dates(
    contract: Contract = CONTRACT, now: datetime = NOW, **latest: datetime
) -> dict[str, Appointment]:
    timeline, _ = timeline_of(contract, None)
    known = {name.replace("_", "-"): at for name, at in latest.items()}
    told = list(appointments(contract, timeline, known, now))
    assert len({each.uid for each in told}) == len(told)
    return {each.summary: each for each in told}


def closed(at: datetime) -> Contract:
    return close(CONTRACT, reason="migrated", who="li@ops", at=at)


def test_a_contract_has_its_expiry_stop_and_release_and_each_server_its_latest_safe_start() -> None:
    told = dates(web_1=STOP - 4 * HOUR, web_2=STOP - 9 * HOUR)
    assert {summary: each.at for summary, each in told.items()} == {
        "web-2026 expires": STOP,
        "web-2026: web-1, web-2 stops": STOP,
        "web-2026: data destroyed": STOP + 15 * DAY,
        "web-1: latest safe start of the last backup": STOP - 4 * HOUR,
        "web-2: latest safe start of the last backup": STOP - 9 * HOUR,
    }


def test_what_to_know_on_the_day_stands_beside_each_date() -> None:
    for each in dates().values():
        assert each.description.splitlines() == [
            "Contract: web-2026",
            "Provider: aliyun",
            "Reference: 4711",
            "Expires: 2026-12-31 Asia/Shanghai (as the contract says)",
            "Servers: web-1, web-2",
        ]


def test_a_renewal_moves_the_dates_and_keeps_their_names() -> None:
    renewed = replace(CONTRACT, expiry=Expiry(text="2027-12-31", timezone="Asia/Shanghai"))
    before, after = dates(web_1=STOP), dates(renewed, web_1=STOP + 365 * DAY)
    assert {s: each.uid for s, each in before.items()} == {s: each.uid for s, each in after.items()}
    assert all(after[s].at - before[s].at == 365 * DAY for s in before)


def test_a_contract_that_takes_the_name_of_another_has_names_of_its_own() -> None:
    again = replace(CONTRACT, created_at=NOW + timedelta(seconds=1))
    names = {each.uid for each in dates().values()}
    assert names.isdisjoint(each.uid for each in dates(again).values())


def test_what_a_closing_prevents_is_cancelled_and_what_was_before_it_is_not() -> None:
    """Closed between the stop and the release, nine days after the expiry."""
    told = dates(closed(STOP + 9 * DAY), STOP + 10 * DAY)
    assert {summary: each.cancelled for summary, each in told.items()} == {
        "web-2026 expires": False,
        "web-2026: web-1, web-2 stops": False,
        "Cancelled: web-2026: data destroyed": True,
    }
    description = next(iter(told.values())).description
    assert description.splitlines()[-1] == "Closed: 2027-01-08T16:00:00Z by li@ops: migrated"


def test_a_closed_contract_is_forgotten_once_its_dates_and_ninety_days_have_passed() -> None:
    early, late = closed(NOW), closed(STOP + 300 * DAY)
    assert dates(early, STOP + 15 * DAY - HOUR) != {}
    assert dates(early, STOP + 90 * DAY) == {}
    assert dates(late, STOP + 389 * DAY) != {}
    assert dates(late, STOP + 390 * DAY) == {}
    assert dates(CONTRACT, STOP + 4000 * DAY) != {}


@given(courses(), st.integers(0, 999_999))
def test_dates_are_whole_seconds_in_order_whatever_the_course(
    course: Course, microseconds: int
) -> None:
    expires = STOP + timedelta(microseconds=microseconds)
    timeline = Timeline(expires=expires, course=course)
    told = {each.occasion: each for each in appointments(CONTRACT, timeline, {}, NOW)}
    assert set(told) == {Occasion.EXPIRY, Occasion.STOP, Occasion.RELEASE}
    assert all(each.at.microsecond == 0 for each in told.values())
    assert told[Occasion.STOP].at <= told[Occasion.RELEASE].at
