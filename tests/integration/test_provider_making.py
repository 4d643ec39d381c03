"""Provider snapshots against a stand-in that fails: what is recorded, and what is done next."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from backends.provider.ebs import EbsSnapshots
from backends.provider.ebs_client import open_ebs
from backends.provider.snapshot import ProviderSnapshot
from backends.source_errors import ProviderError, ProviderRefused, ProviderThrottled
from daemon.clock import SystemClock
from daemon.domain.machine import ProviderMachine
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Plan
from daemon.domain.policy import DEFAULT_POLICY
from daemon.domain.provider_copy import CopyState, PlannedCopy, ProviderCopy
from daemon.domain.run import RunKind
from daemon.services.provider_making import (
    ProviderTools,
    await_copy,
    begin_copy,
    look_again,
    remove_copy,
)
from daemon.services.provider_watch import CopyWatch
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import NOW, FakeClock, a_server
from tests.parts.cloud import REGION, Progress, client
from tests.parts.faulty_proxy import Fault, FaultyProxy
from tests.unit.domain.prospects import an_outlook

DAY = timedelta(days=1)
MANUAL, RESCUE = RunKind.MANUAL, RunKind.RESCUE


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A server, its instance at the stand-in, and what is between them."""

    open_unit: Callable[..., UnitOfWork]
    instance: str
    proxy: FaultyProxy
    opened: list[str] = field(default_factory=list)

    def open(self, machine: ProviderMachine) -> EbsSnapshots:
        self.opened.append(machine.id)
        return EbsSnapshots(client=client(self.proxy.endpoint))

    def tools(self, **changes: Any) -> ProviderTools:
        tools = ProviderTools(
            units=self.open_unit,
            clock=SystemClock(),
            random=os.urandom,
            owner="ops-1:1:0-aa",
            open=self.open,
        )
        return replace(tools, **changes)

    def fail(self, fault: Fault, times: int = 1) -> None:
        self.proxy.inject(fault, method="POST", times=times)

    def begin(self) -> ProviderCopy:
        return begin_copy(self.tools(), "web-1", MANUAL)

    def make(self) -> ProviderCopy:
        """The stand-in calls a snapshot complete when it is looked at for the first time."""
        return look_again(self.tools(), self.begin().run)

    def copies(self) -> list[ProviderCopy]:
        with self.open_unit(read_only=True) as unit:
            return list(unit.provider_copies.list(server="web-1"))

    def outlook(self) -> Outlook:
        """The server as a sweep sees it; years from its stop."""
        with self.open_unit(read_only=True) as unit:
            standings = unit.provider_copies.standings()
        return an_outlook(left=900 * DAY, provider=standings["web-1"])

    def snapshots(self) -> int:
        """How many disks the provider has copied."""
        tag = {"Name": "tag:lapseguard-instance", "Values": [self.instance]}
        found = client(self.proxy.endpoint).describe_snapshots(OwnerIds=["self"], Filters=[tag])
        return len(found["Snapshots"])


@pytest.fixture
def rig(open_unit: Callable[..., UnitOfWork], cloud: str, instance: str) -> Iterator[Rig]:
    machine = ProviderMachine(kind="ebs", id=instance, region=REGION)
    with open_unit() as unit:
        unit.servers.add(a_server(machine=machine))
        unit.commit()
    with FaultyProxy(cloud) as proxy:
        yield Rig(open_unit=open_unit, instance=instance, proxy=proxy)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database is enough here: what differs is told in the tests of the records."""
    return sqlite_url


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET])
def test_what_a_busy_provider_was_not_asked_is_asked_again_under_the_same_label(
    rig: Rig, fault: Fault
) -> None:
    rig.fail(fault)
    first = rig.begin()
    second = rig.make()

    assert (first.state, first.failures) == (CopyState.CREATING, 1)
    assert first.problem is not None
    assert (second.run, second.state, second.problem) == (first.run, CopyState.COMPLETE, None)
    assert rig.snapshots() == 2


def test_a_crash_between_asking_and_writing_down_pays_for_nothing_twice(rig: Rig) -> None:
    class Crash(BaseException):
        pass

    class Crashing(EbsSnapshots):
        def create(self, machine: str, run: str) -> ProviderSnapshot:
            super().create(machine, run)
            raise Crash

    crashing = Crashing(client=client(rig.proxy.endpoint))
    with pytest.raises(Crash):
        begin_copy(rig.tools(open=lambda _: crashing), "web-1", MANUAL)
    (left,) = rig.copies()
    assert (left.state, left.volumes) == (CopyState.CREATING, ())

    found = rig.begin()

    assert (found.run, found.state) == (left.run, CopyState.COMPLETE)
    assert rig.snapshots() == 2


def test_a_look_that_is_refused_does_not_give_up_what_the_provider_goes_on_with(
    rig: Rig, slow_provider: Progress
) -> None:
    begun = rig.begin()
    rig.fail(Fault.FORBIDDEN)
    refused = look_again(rig.tools(), begun.run)
    slow_provider.status = "completed"
    done = look_again(rig.tools(), begun.run)

    assert (refused.state, refused.failures) == (CopyState.CREATING, 1)
    assert refused.problem is not None
    assert refused.problem.code == ProviderRefused.__name__
    assert (done.state, done.failures) == (CopyState.COMPLETE, 0)


def test_a_snapshot_that_vanishes_at_the_provider_is_no_copy(
    rig: Rig, slow_provider: Progress
) -> None:
    """At first it may only not be listed yet."""
    begun = rig.begin()
    EbsSnapshots(client=client(rig.proxy.endpoint)).delete(begun.run)
    unlisted = look_again(rig.tools(), begun.run)
    later = FakeClock(begun.started_at + timedelta(minutes=6))
    units = lambda **given: rig.open_unit(clock=later, **given)  # noqa: E731 - as short as that

    gone = look_again(rig.tools(units=units), begun.run)

    assert unlisted.state is CopyState.CREATING
    assert gone.state is CopyState.FAILED
    assert gone.problem is not None
    assert "any more" in gone.problem.message


def test_a_volume_that_is_gone_is_named_and_the_next_attempt_is_another_one(rig: Rig) -> None:
    unknown = ProviderMachine(kind="ebs", id="i-0123456789abcdef0", region=REGION)
    with rig.open_unit() as unit:
        unit.servers.update(replace(unit.servers.get("web-1"), machine=unknown))
        unit.commit()

    first, second = rig.begin(), rig.begin()

    assert first.state is second.state is CopyState.FAILED
    assert first.run != second.run
    assert second.problem is not None
    assert second.problem.code == "ProviderTargetMissing"
    assert second.failures == 2


def test_waiting_ends_with_the_copy_and_tells_of_each_look(
    rig: Rig, slow_provider: Progress
) -> None:
    seen: list[int] = []

    def told(copy: ProviderCopy) -> None:
        seen.append(copy.progress)
        slow_provider.status = "completed" if len(seen) > 1 else "pending"

    tools = rig.tools(clock=FakeClock())
    done = await_copy(tools, rig.begin(), told=told, stop=threading.Event())

    assert (seen, done.state) == ([40, 40], CopyState.COMPLETE)


def test_an_old_copy_is_reached_as_it_was_made_whatever_the_record_says_now(rig: Rig) -> None:
    made = rig.make()
    with rig.open_unit() as unit:
        server = unit.servers.get("web-1")
        assert server.machine is not None
        moved = replace(server.machine, id="i-00000000000000000", region="eu-west-1")
        unit.servers.update(replace(server, machine=moved))
        unit.commit()

    removed = remove_copy(rig.tools(), made.run)

    assert (removed.state, rig.snapshots()) == (CopyState.DELETED, 0)
    assert rig.opened[-1] == rig.instance


def test_what_cannot_be_removed_stays_on_record(rig: Rig) -> None:
    made = rig.make()
    rig.fail(Fault.UNAVAILABLE)

    with pytest.raises(ProviderThrottled):
        remove_copy(rig.tools(), made.run)

    assert rig.copies()[0].state is CopyState.COMPLETE
    assert remove_copy(rig.tools(), made.run).state is CopyState.DELETED


def test_a_profile_that_this_host_has_not_is_an_error_of_the_provider() -> None:
    with pytest.raises(ProviderError, match="no-such-profile"):
        open_ebs(REGION, "no-such-profile")


@contextmanager
def watching(rig: Rig, clock: FakeClock) -> Iterator[CopyWatch]:
    watch = CopyWatch(clock, rig.tools)
    yield watch
    watch.close(30)


def a_plan(*copies: PlannedCopy, at: datetime = NOW) -> Plan:
    return Plan(at=at, runs=(), wake_at=at + DAY, copies=copies)


def wanted(after: str | None = None) -> PlannedCopy:
    return PlannedCopy(
        server="web-1",
        contract="c-1",
        kind=RESCUE,
        explanation="Why not.",
        start_at=NOW,
        begin_by=NOW + DAY,
        after=after,
    )


def test_two_daemons_that_plan_the_same_have_one_copy_made(rig: Rig) -> None:
    """All decided before any began; whoever is second or third finds that out in time."""
    for _ in range(3):
        with watching(rig, FakeClock()) as watch:
            watch.begin([rig.outlook()], (), a_plan(wanted()))

    (made,) = rig.copies()
    assert (made.state, made.reason) == (CopyState.COMPLETE, RESCUE)
    assert rig.snapshots() == 2


def test_one_under_way_is_looked_at_when_its_time_has_come_and_not_before(
    rig: Rig, slow_provider: Progress
) -> None:
    begun = rig.begin()
    clock = FakeClock()
    watch = CopyWatch(clock, rig.tools)
    watch.begin([rig.outlook()], (DEFAULT_POLICY,), a_plan(at=begun.looked_at))
    rig.proxy.clear()
    for seconds in (0, 3, 0):
        clock.pass_(seconds)
        watch.look()
        assert watch.wait(30)
    assert rig.proxy.requests == ["POST"]
    slow_provider.status = "completed"
    clock.pass_(60)
    watch.look()

    assert watch.wait(30)
    assert rig.copies()[0].state is CopyState.COMPLETE


def test_one_that_could_not_be_asked_for_rests_as_long_as_a_failed_run_does(rig: Rig) -> None:
    rig.fail(Fault.RESET)
    begun = rig.begin()
    clock = FakeClock()
    with watching(rig, clock) as watch:
        watch.begin([rig.outlook()], (DEFAULT_POLICY,), a_plan(at=begun.looked_at))
        clock.pass_(50)
        watch.look()
        assert watch.wait(30)
        assert rig.copies()[0].volumes == ()
        clock.pass_(20)
        watch.look()

    assert len(rig.copies()[0].volumes) == 2


def test_a_complete_copy_that_is_gone_from_the_provider_counts_no_more(rig: Rig) -> None:
    """Somebody has removed it over there; once a day that is looked at."""
    made = rig.make()
    EbsSnapshots(client=client(rig.proxy.endpoint)).delete(made.run)
    clock = FakeClock()
    with watching(rig, clock) as watch:
        watch.begin([rig.outlook()], (DEFAULT_POLICY,), a_plan(at=made.looked_at))
        clock.pass_(23 * 3600)
        watch.look()
        assert watch.wait(30)
        assert rig.copies()[0].state is CopyState.COMPLETE
        clock.pass_(2 * 3600)
        watch.look()

    (gone,) = rig.copies()
    assert gone.state is CopyState.DELETED
    assert gone.problem is not None
    assert made.volumes[0].id in gone.problem.message
    again = begin_copy(rig.tools(), "web-1", RESCUE, is_expected=lambda newest: newest is None)
    assert again.run != made.run


def test_a_complete_copy_that_cannot_be_asked_about_is_taken_to_be_there(rig: Rig) -> None:
    made = rig.make()
    rig.fail(Fault.FORBIDDEN)

    assert look_again(rig.tools(), made.run).state is CopyState.COMPLETE


def test_a_copy_that_a_later_one_replaces_is_removed_and_the_newest_stays(rig: Rig) -> None:
    old, new = rig.make(), rig.make()

    with watching(rig, FakeClock()) as watch:
        watch.begin([rig.outlook()], (DEFAULT_POLICY,), a_plan())
        watch.look()

    assert [copy.state for copy in rig.copies()] == [CopyState.COMPLETE, CopyState.DELETED]
    assert [copy.run for copy in rig.copies()] == [new.run, old.run]
    assert rig.snapshots() == 2


def test_one_server_that_breaks_keeps_no_other_from_its_copy(rig: Rig) -> None:
    with watching(rig, FakeClock()) as watch:
        strange = replace(wanted(), server="nobody")
        watch.begin([rig.outlook()], (), a_plan(strange, wanted()))

    assert [copy.server for copy in rig.copies()] == ["web-1"]
