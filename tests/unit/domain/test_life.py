"""What an expiry means: stop and release, by the contract, by the provider, or by the worst."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.contract import Expiry
from daemon.domain.life import earliest_end, life_of, timeline_of
from daemon.domain.phasetext import read_course
from daemon.domain.preset import Confidence, Preset
from tests.factories import a_contract
from tests.unit.domain.courses import courses

DAY = timedelta(days=1)
PRESET = Preset(
    name="cloud-server",
    provider="cloud",
    product="Server",
    course=read_course(["grace:0:ssh,renewal", "stopped:15d:renewal", "released:30d:-"]),
    timezone="Asia/Shanghai",
    sources=("https://cloud.example/terms",),
    checked=date(2026, 10, 31),
    confidence=Confidence.LOW,
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "stop"),
    [
        pytest.param(
            "2026-12-31",
            "Asia/Shanghai",
            "2027-01-14T16:00",
            id="fifteen days after its midnight in China",
        ),
        pytest.param(
            "2026-12-31", None, "2027-01-14T10:00", id="without a zone, after Kiribati's midnight"
        ),
        pytest.param(
            "2026-12-31",
            "Pacific/Kiritimati",
            "2027-01-14T10:00",
            id="a zone at UTC+14 is as early as none",
        ),
        pytest.param(
            "2026-12-31",
            "Mars/Olympus",
            "2027-01-14T10:00",
            id="a zone that this machine does not know counts as none",
        ),
        pytest.param(
            "2026-03-20T12:00",
            "Europe/Berlin",
            "2026-04-04T11:00",
            id="days after the expiry are of 24 hours, also when clocks go forward",
        ),
        pytest.param(
            "2026-10-20T12:00",
            "Europe/Berlin",
            "2026-11-04T10:00",
            id="and when they go back",
        ),
        pytest.param("2028-02-29", "UTC", "2028-03-15T00:00", id="after a leap day"),
        pytest.param("2028-02-20", "UTC", "2028-03-06T00:00", id="over a leap day"),
    ],
)
def test_the_stop_is_counted_from_the_earliest_end(text, zone, stop):
    contract = a_contract(expiry=Expiry(text=text, timezone=zone), preset="cloud-server")
    timeline, _ = timeline_of(contract, PRESET)
    assert timeline.stop_at == utc(stop)
    assert timeline.release_at == utc(stop) + 15 * DAY


def test_the_contracts_own_phases_count_before_the_presets():
    own = read_course(["released:3d:-"])
    timeline, doubts = timeline_of(a_contract(preset="cloud-server", course=own), PRESET)
    assert timeline.course == own
    assert doubts == ()


@pytest.mark.parametrize(
    ("preset", "said"), [(None, "Nothing says"), ("of-another-version", "of-another-version")]
)
def test_what_nobody_knows_stops_and_is_destroyed_at_the_expiry(preset, said):
    contract = a_contract(preset=preset)
    timeline, (doubt,) = timeline_of(contract, None)
    assert timeline.stop_at == timeline.release_at == contract.expiry.instant()
    assert said in doubt


def test_a_missing_zone_is_a_doubt_that_names_the_providers_own():
    contract = a_contract(expiry=Expiry(text="2026-12-31"), preset="cloud-server")
    _, (doubt,) = timeline_of(contract, PRESET)
    assert "earliest instant on earth" in doubt
    assert "cloud-server suggests Asia/Shanghai" in doubt


def test_the_presets_own_doubts_are_told_to_those_who_say_what_day_it_is():
    contract = a_contract(preset="cloud-server")
    assert timeline_of(contract, PRESET)[1] == ()
    fresh, old = date(2026, 11, 1), date(2028, 11, 1)
    assert [len(timeline_of(contract, PRESET, today=day)[1]) for day in (fresh, old)] == [1, 2]


def test_a_life_says_whose_the_contract_is():
    life = life_of(a_contract(account="4711", preset="cloud-server"), PRESET)
    assert (life.contract, life.provider, life.account) == ("web-2026", "aliyun", "4711")
    assert life.timeline == timeline_of(a_contract(preset="cloud-server"), PRESET)[0]


ZONES = st.sampled_from([None, "Asia/Shanghai", "America/New_York", "Mars/Olympus", "UTC"])


@given(st.dates(date(1970, 1, 2), date(9998, 12, 30)), ZONES, courses())
def test_every_contract_has_a_timeline(day, zone, course):
    contract = a_contract(expiry=Expiry(text=day.isoformat(), timezone=zone), course=course)
    timeline, _ = timeline_of(contract, None)
    assert timeline.stop_at <= timeline.release_at


@given(st.dates(date(1971, 1, 1), date(9998, 1, 1)), ZONES)
def test_what_is_doubtful_is_never_taken_to_end_later(day, zone):
    expires, doubts = earliest_end(Expiry(text=day.isoformat(), timezone=zone))
    earliest, _ = earliest_end(Expiry(text=day.isoformat()))
    assert (expires == earliest) if doubts else (expires >= earliest)
