"""Stories of single worlds that are laid out by hand: a pause, a week without a daemon, a swap."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.domain.contract import Expiry
from tests.simulation import zones
from tests.simulation.oracle import judge
from tests.simulation.outcome import Record
from tests.simulation.planning import Planning
from tests.simulation.play import draw, play
from tests.simulation.scenario import (
    AddContract,
    Host,
    RecordRenewal,
    Scenario,
    Step,
    Stretch,
    SwapZones,
)
from tests.simulation.small import BEGIN, DAY, HOUR, a_world
from tests.simulation.watch import Watch


def _play(world: Scenario) -> Record:
    return play(world, Planning(Watch(world.seed)))


def test_a_run_that_can_wait_gives_way_to_one_that_cannot() -> None:
    """One slot is taken for 30 hours when somebody enters a contract that ends in eight."""
    world = a_world(
        ("large", 30.0, 25 * DAY), ("small", 2.0, 12 * HOUR), entered=(timedelta(), 4 * HOUR)
    )
    record = _play(world)

    assert record.paused == 1
    assert all(verdict.met for verdict in judge(record))
    assert not record.findings
    first, again = [flight for flight in record.flights if flight.machine.name == "large"][:2]
    assert again.need < first.need, "What was checkpointed is not moved again."


def test_nothing_gives_way_where_it_would_be_late_itself() -> None:
    """Both cannot be saved; the one that is under way is worth as much as the other."""
    world = a_world(
        ("large", 6.0, 10 * HOUR), ("small", 2.0, 9 * HOUR), entered=(timedelta(), 4 * HOUR)
    )
    record = _play(world)

    assert record.paused == 0
    assert "large" in record.copies


def test_after_a_week_without_a_daemon_everything_overdue_runs_by_deadline() -> None:
    """Names, values and the order of registration say nothing; only the stops do."""
    down = Stretch(begin=BEGIN + 10 * DAY, end=BEGIN + 17 * DAY)
    stops = {"f": 18, "c": 19, "a": 20, "e": 21, "b": 22, "d": 23}
    world = a_world(
        *((name, 1.0, days * DAY) for name, days in sorted(stops.items())),
        hosts=(Host(name="ops-1", downtimes=(down,)),),
    )
    record = _play(world)

    after = [flight.machine.name for flight in record.flights if flight.started >= down.end]
    assert list(dict.fromkeys(after)) == list(stops)
    assert all(verdict.met for verdict in judge(record))
    assert not record.findings


def test_after_a_first_copy_that_took_long_a_younger_one_is_made_where_it_may_be_quick() -> None:
    """Six of the eleven hours were needed; another whole copy would not fit, what changed does."""
    record = _play(a_world(("web-1", 6.0, 11 * HOUR)))

    (stop,) = record.stops
    age = record.age_at_stop(stop)
    assert age is not None
    assert age < 6 * HOUR
    assert not record.findings


@pytest.mark.parametrize(
    ("hours", "until"), [(-120, 6), (-48, 6), (-1, 6), (1, 6), (9600, -1), (9600, 6)]
)
def test_a_clock_that_is_put_wrong_makes_nothing_late(hours: int, until: int) -> None:
    """From half a day before the last run; it is put right some hours after the stop, or before."""
    wrong = Stretch(begin=BEGIN + 20 * DAY - 14 * HOUR, end=BEGIN + 20 * DAY + until * HOUR)
    host = Host(name="ops-1", steps=(Step(during=wrong, by=hours * HOUR),))
    record = _play(a_world(("web-1", 2.0, 20 * DAY), ("web-2", 3.0, 20 * DAY), hosts=(host,)))

    assert all(verdict.met for verdict in judge(record))
    assert not record.findings


def test_a_country_that_moves_its_clocks_stops_its_servers_earlier() -> None:
    """The contract says noon; when the rules change, noon comes an hour sooner."""
    world = a_world(("web-1", 2.0, 20 * DAY + 3 * HOUR))
    (act,) = world.acts
    assert isinstance(act, AddContract)
    there = replace(act.contract.expiry, text="2027-06-21T11:00", timezone=zones.NAME)
    moved = replace(act, contract=replace(act.contract, expiry=there))
    stays, changes = (
        _play(replace(world, acts=(moved, *swap)))
        for swap in ((), (SwapZones(at=BEGIN + 19 * DAY),))
    )

    (as_was,), (as_is,) = stays.stops, changes.stops
    assert as_was.stop_at - as_is.stop_at == HOUR
    assert all(verdict.met for verdict in judge(changes))
    assert not changes.findings


def test_calendar_worlds_end_contracts_when_clocks_are_changed_and_on_leap_days() -> None:
    """Else the thousand server-years would prove nothing about them."""
    worlds = [draw(f"ci-0-{number}", "calendar") for number in range(14)]
    acts = [act for world in worlds for act in world.acts]
    expiries = [act.contract.expiry for act in acts if isinstance(act, AddContract)]
    expiries += [act.until for act in acts if isinstance(act, RecordRenewal)]

    assert any(isinstance(act, SwapZones) for act in acts)
    assert any("-02-29" in expiry.text for expiry in expiries)
    kinds = {_kind_of(expiry) for expiry in expiries if expiry.timezone}
    assert {"skipped", "twice", "plain"} <= kinds


def _kind_of(expiry: Expiry) -> str:
    """What the zone's clocks do at a civil time."""
    if expiry.timezone == zones.NAME:
        return "own"
    civil = datetime.fromisoformat(expiry.text)
    zone = ZoneInfo(expiry.timezone)
    first, second = (civil.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return "plain"
    exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == civil
    return "twice" if exists else "skipped"
