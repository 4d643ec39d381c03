"""Provider copies on record: one at a time for each server, whoever looks after it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.domain.machine import ProviderMachine
from daemon.domain.provider_copy import (
    CopiedVolume,
    CopySight,
    CopyState,
    ProviderCopy,
    give_up,
    observe,
    remove,
    stumble,
)
from daemon.domain.run import Failure, RunKind
from daemon.errors import ClaimLost, NotFound, RunActive
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import FakeClock, a_server

EBS = ProviderMachine(kind="ebs", id="i-0123456789abcdef0", region="eu-central-1")
RUNS = [f"20261123T06010{number}Z-aaaaaa" for number in range(5)]
LEASE, LAPSED = timedelta(minutes=10), timedelta(seconds=-1)
FIRST, SECOND = "ops-1:1:0-aa", "ops-2:1:0-bb"
DISK = CopiedVolume(id="snap-1", volume="vol-1", size=2**30)
BEGUN = datetime(2026, 11, 23, 6, 1, 1, tzinfo=UTC)
BUSY = Failure(code="ProviderThrottled", message="The provider is busy.", hint="Wait.")

Units = Callable[..., UnitOfWork]


def sight(*, complete: bool = False, progress: int = 40) -> CopySight:
    return CopySight(volumes=(DISK,), begun_at=BEGUN, progress=progress, complete=complete)


@contextmanager
def writing(open_unit: Units, **given: Any) -> Iterator[UnitOfWork]:
    with open_unit(**given) as unit:
        yield unit
        unit.commit()


def claim(
    open_unit: Units, run: str = RUNS[0], *, owner: str = FIRST, **given: Any
) -> ProviderCopy:
    words: dict[str, Any] = {"server": "web-1", "lease": LEASE} | given
    with writing(open_unit) as unit:
        return unit.provider_copies.claim(
            run=run, reason=RunKind.RESCUE, machine=EBS, provider="aws", owner=owner, **words
        )


def save(open_unit: Units, copy: ProviderCopy) -> ProviderCopy:
    with writing(open_unit, at_once=True) as unit:
        return unit.provider_copies.save(copy)


def complete(open_unit: Units, run: str) -> ProviderCopy:
    """One from its beginning to its end."""
    held = claim(open_unit, run)
    return save(open_unit, observe(held, sight(complete=True), held.started_at))


def test_a_copy_is_on_record_as_it_was_saved(open_unit: Units) -> None:
    held = claim(open_unit)
    made = observe(held, sight(complete=True), held.started_at)
    saved = save(open_unit, made)

    with open_unit(read_only=True) as unit:
        assert unit.provider_copies.get(RUNS[0]) == saved
    assert replace(saved, lease_until=made.lease_until) == made
    assert (saved.size, saved.region, saved.machine) == (2**30, "eu-central-1", EBS.id)


def test_whoever_comes_second_goes_on_with_what_is_under_way(open_unit: Units) -> None:
    """A look gives the claim back, so the next one needs no lease to lapse."""
    held = claim(open_unit)
    with pytest.raises(RunActive, match="ops-1"):
        claim(open_unit, RUNS[1], owner=SECOND)
    save(open_unit, observe(held, sight(), held.started_at))

    taken = claim(open_unit, RUNS[1], owner=SECOND)

    assert (taken.run, taken.owner, taken.volumes) == (RUNS[0], SECOND, (DISK,))


@pytest.mark.parametrize("given", [{"lease": LAPSED}, {"is_gone": lambda _: True}])
def test_what_its_owner_left_is_taken_over_and_the_owner_writes_no_more(
    open_unit: Units, given: dict[str, Any]
) -> None:
    held = claim(open_unit, lease=given.get("lease", LEASE))
    with writing(open_unit, at_once=True) as unit:
        taken = unit.provider_copies.hold(
            RUNS[0], owner=SECOND, lease=LEASE, **{k: v for k, v in given.items() if k != "lease"}
        )

    with pytest.raises(ClaimLost):
        save(open_unit, observe(held, sight(), held.started_at))

    assert save(open_unit, observe(taken, sight(), taken.started_at)).owner == SECOND


def test_a_decision_that_was_overtaken_makes_no_second_copy(open_unit: Units) -> None:
    """Two daemons plan by the same history; the first has made it before the second begins."""
    complete(open_unit, RUNS[0])

    with pytest.raises(RunActive, match="just"):
        claim(open_unit, RUNS[1], is_expected=lambda newest: newest is None)

    with open_unit(read_only=True) as unit:
        assert [copy.run for copy in unit.provider_copies.list()] == [RUNS[0]]


def test_failures_in_a_row_are_counted_over_attempts_until_one_goes_well(open_unit: Units) -> None:
    for run in RUNS[:2]:
        held = claim(open_unit, run)
        save(open_unit, give_up(held, BUSY, held.started_at))
    third = claim(open_unit, RUNS[2])
    assert third.failures == 2
    save(open_unit, observe(third, sight(complete=True), third.started_at))

    assert claim(open_unit, RUNS[3]).failures == 0


def test_history_has_what_happened_and_not_each_look(open_unit: Units) -> None:
    copy = claim(open_unit)
    at = copy.started_at
    for change in (
        lambda held: observe(held, sight(progress=10), at),
        lambda held: observe(held, sight(progress=20), at),
        lambda held: stumble(held, BUSY, at),
        lambda held: observe(held, sight(complete=True), at),
        lambda held: remove(held, at),
    ):
        save(open_unit, change(copy))
        with writing(open_unit, at_once=True) as unit:
            copy = unit.provider_copies.hold(RUNS[0], owner=FIRST, lease=LEASE)
    with open_unit(read_only=True) as unit:
        kinds = [event.kind for event in unit.audit.events()]

    names = ("claimed", "begun", "unanswered", "complete", "deleted")
    assert kinds == [f"provider_copy.{name}" for name in names]


def test_planning_reads_servers_that_can_be_copied_and_what_there_is_of_others(
    open_unit: Units,
) -> None:
    with writing(open_unit) as unit:
        unit.servers.add(a_server(name="able", machine=EBS))
        unit.servers.add(a_server(name="web-1"))
        unit.servers.add(a_server(name="plain"))
    first, second = complete(open_unit, RUNS[0]), claim(open_unit, RUNS[1])
    save(open_unit, give_up(second, BUSY, second.started_at))
    third = complete(open_unit, RUNS[2])
    with writing(open_unit, at_once=True) as unit:
        held = unit.provider_copies.hold(third.run, owner=FIRST, lease=LEASE)
        unit.provider_copies.save(remove(held, held.started_at))

    with open_unit(read_only=True) as unit:
        found = unit.provider_copies.standings()

    assert sorted(found) == ["able", "web-1"]
    assert (found["able"].can_copy, found["able"].copies) == (True, ())
    assert found["web-1"].can_copy is False
    assert [copy.run for copy in found["web-1"].copies] == [RUNS[1], RUNS[0]]
    assert found["web-1"].newest == first


def test_a_clock_that_goes_back_does_not_put_the_newest_copy_behind(open_unit: Units) -> None:
    clock = FakeClock()
    complete(lambda **given: open_unit(clock=clock, **given), RUNS[0])
    clock.pass_(-timedelta(days=400).total_seconds())
    complete(lambda **given: open_unit(clock=clock, **given), RUNS[1])

    with open_unit(read_only=True) as unit:
        (newest, *_) = unit.provider_copies.list(server="web-1")

    assert newest.run == RUNS[1]
    assert newest.state is CopyState.COMPLETE


def test_a_copy_that_nobody_made_is_not_found(open_unit: Units) -> None:
    with open_unit(read_only=True) as unit, pytest.raises(NotFound):
        unit.provider_copies.get(RUNS[0])


def test_of_many_who_begin_at_once_one_does_and_nobody_breaks(open_unit: Units) -> None:
    """As many daemons on one database whose sweeps decide the same at the same moment."""
    barrier, outcomes = threading.Barrier(4), []

    def begin(number: int) -> None:
        barrier.wait(30)
        try:
            outcomes.append(claim(open_unit, RUNS[number], owner=f"ops-{number}:1:0-aa").run)
        except RunActive:
            outcomes.append("left")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))

    assert outcomes.count("left") == 3
    with open_unit(read_only=True) as unit:
        assert [copy.run for copy in unit.provider_copies.list()] == list(set(outcomes) - {"left"})
