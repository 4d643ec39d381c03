"""Whether servers that still answer after their stop, or answer again, are saved once more."""

from datetime import datetime, timedelta

from daemon.domain.policy import choose_policy
from tests.simulation.clocks import offset
from tests.simulation.drawing import without
from tests.simulation.oracle import WORST, working_time
from tests.simulation.outcome import Copy, Outcome, Record
from tests.simulation.scenario import CloseContract, MoveDate, RecordRenewal, Stretch
from tests.simulation.traffic import full_seconds

NOTHING = timedelta()
#: Beside the policy's own interval: pauses after failures, a lease that lapses, a full queue.
RESERVE = timedelta(hours=3)


def judge_rescues(record: Record) -> None:
    """Note each server that was there long enough after its stop and has no copy from then."""
    for stop in record.stops:
        until = _stood_down_at(record, stop)
        enough = _long_enough(record, stop)
        for stretch in _chances(record, stop, until):
            if stretch.length < enough:
                continue
            copies = record.copies.get(stop.server, ())
            after = (copy for copy in copies if _dated(record, copy) >= stop.stop_at)
            if not any(copy.ended <= stretch.end for copy in after):
                what = f"It answered from {stretch.begin} for {stretch.length}."
                record.find("no rescue", stop.server, stretch.end, what)
            break


def _dated(record: Record, copy: Copy) -> datetime:
    """When a copy was made, as those on duty read it off a clock that may be wrong."""
    return copy.began + offset(record.scenario.hosts[0].steps, copy.began)


def _stood_down_at(record: Record, stop: Outcome) -> datetime:
    """When a person recorded that it goes on, or that it no longer matters."""
    told = (
        act.at
        for act in record.scenario.acts
        if isinstance(act, RecordRenewal | MoveDate | CloseContract)
        and act.contract == stop.contract
        and act.at > stop.stop_at
    )
    return min(told, default=record.scenario.end)


def _chances(record: Record, stop: Outcome, until: datetime) -> tuple[Stretch, ...]:
    """When it answered after its stop while a daemon ran and its store took data."""
    machine = next(m for m in record.scenario.machines if m.name == stop.server)
    end = min(until, machine.gone_at, record.scenario.end)
    there = [
        Stretch(begin=max(stretch.begin, stop.stop_at), end=min(stretch.end, end))
        for stretch in machine.reachable
        if stretch.overlap(stop.stop_at, end) > NOTHING
    ]
    whole = Stretch(begin=record.scenario.begin, end=record.scenario.end)
    return without(there, without((whole,), working_time(record.scenario, machine.store)))


def _long_enough(record: Record, stop: Outcome) -> timedelta:
    """So long a stretch is enough for certain, also if all who stop that day have to share."""
    scenario = record.scenario
    machine = next(m for m in scenario.machines if m.name == stop.server)
    policy = choose_policy(scenario.policies, machine.labels)
    others = [m for m in scenario.machines if m.born_at < stop.stop_at < m.gone_at]
    shares = max(1.0, len(others) / scenario.limits.slots)
    whole = timedelta(seconds=full_seconds(machine, machine.bytes_at(stop.stop_at)))
    return policy.rescue_every + RESERVE + WORST * shares * whole
