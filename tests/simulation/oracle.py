"""What could have been done, worked out apart from the planner: from true sizes, lines and faults.

A stop is *feasible* if a plain schedule with a reserve fits it: every duration is taken with the
worst luck there is, lines are shared by as many runs as there are slots, and only time counts in
which a daemon ran, the store took data and the server answered. What nobody could know counts as
the planner has to assume it. First copies are laid out forwards in the order of their stops, last
copies backwards from them. Where stops that fit alone do not fit together, somebody has to lose;
they and all beside them are *contended*, and none of them is feasible for certain. Those that do
not fit even alone take nothing from the others. A feasible stop is *met* if its
newest copy is no older than one interval of the ladder's last rung, the margin and what the last
copies of all servers take together, again counted in such time alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.domain.policy import Policy, choose_policy
from tests.simulation.drawing import without
from tests.simulation.outcome import Outcome, Record
from tests.simulation.scenario import Machine, Scenario, Stretch
from tests.simulation.traffic import full_seconds

NOTHING = timedelta()
#: Luck is never worse than twice the usual; the other half is reserve for what is not modelled.
WORST = 2.0
DAY = timedelta(days=1)
#: After each trouble: a lease lapses, a run gives up, a pause between attempts ends.
RECOVERY = timedelta(minutes=75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is held against one stop.

    Attributes:
        stop: The stop.
        feasible: Whether it could be met for certain.
        contended: Whether it could be met alone, but it or others beside it not together.
        oldest: A copy that began before this is too old; the copy that is meant began later.
        age: Of the newest copy at the stop; None where there was none.
        value: Declared for the server.
    """

    stop: Outcome
    feasible: bool
    contended: bool
    oldest: datetime
    age: timedelta | None
    value: int

    @property
    def met(self) -> bool:
        """Whether the copy is young enough."""
        return self.age is not None and self.stop.stop_at - self.age >= self.oldest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One stop with all that is reckoned from."""

    stop: Outcome
    machine: Machine
    policy: Policy
    from_: datetime
    open: tuple[Stretch, ...]
    full: timedelta
    delta: timedelta
    quiet: timedelta

    @property
    def final_by(self) -> datetime:
        return self.stop.stop_at - self.policy.margin


def judge(record: Record) -> list[Verdict]:
    """Every stop of a world, in the order in which they came."""
    scenario = record.scenario
    cases = [_case(record, stop) for stop in record.stops]
    slots = scenario.limits.slots
    first = _forwards(cases, slots)
    backlog = _backwards(cases, slots)
    together = [
        ready is not None and ready + last <= case.final_by
        for case, ready, last in zip(cases, first, backlog, strict=True)
    ]
    short = [
        case for case, fits in zip(cases, together, strict=True) if not fits and _fits_alone(case)
    ]
    verdicts = []
    for case, fits, last in zip(cases, together, backlog, strict=True):
        contended = _fits_alone(case) and any(_meet(case, other) for other in short)
        oldest = _oldest(case, case.policy.margin + 2 * last, _round(scenario, cases, case))
        verdicts.append(
            Verdict(
                stop=case.stop,
                feasible=fits and not contended,
                contended=contended,
                oldest=oldest,
                age=record.age_at_stop(case.stop),
                value=case.machine.value,
            )
        )
    return verdicts


def _fits_alone(case: _Case) -> bool:
    ready = _walk(case, case.from_)
    return ready is not None and ready + case.delta <= case.final_by


def _meet(one: _Case, other: _Case) -> bool:
    """Whether both want to be saved at some time."""
    return one.from_ < other.stop.stop_at and other.from_ < one.stop.stop_at


def working_time(scenario: Scenario, store: str) -> tuple[Stretch, ...]:
    """When at least one daemon runs and the store takes data at full speed."""
    whole = Stretch(begin=scenario.begin, end=scenario.end)
    idle = [(*host.downtimes, *host.freezes) for host in scenario.hosts]
    closed = list(idle[0])
    for other in idle[1:]:  # closed only while all are
        closed = [
            Stretch(begin=max(a.begin, b.begin), end=min(a.end, b.end))
            for a in closed
            for b in other
            if a.overlap(b.begin, b.end) > NOTHING
        ]
    found = next(each for each in scenario.stores if each.name == store)
    return without((whole,), (*closed, *found.outages, *found.slow))


def _case(record: Record, stop: Outcome) -> _Case:
    scenario = record.scenario
    machine = next(m for m in scenario.machines if m.name == stop.server)
    policy = choose_policy(scenario.policies, machine.labels)
    known = record.known_before(stop)
    from_ = max(known, machine.born_at, stop.stop_at - policy.seed)
    open_ = _overlap(machine.reachable, working_time(scenario, machine.store), from_, stop.stop_at)
    last = policy.ladder[-1].every
    full = max(
        _worst(scenario, machine, machine.bytes_at(stop.stop_at)),
        NOTHING if machine.tells_size else _assumed(scenario),
    )
    # Until a server was saved a few times, nobody knows that the next copy is a quick one.
    known_well = stop.stop_at - from_ >= full + 3 * last
    delta = _worst(scenario, machine, machine.changed(stop.stop_at - 2 * last, stop.stop_at))
    return _Case(
        stop=stop,
        machine=machine,
        policy=policy,
        from_=from_,
        open=open_,
        full=full,
        delta=delta if known_well else full,
        quiet=timedelta(hours=10) if scenario.limits.quiet else NOTHING,
    )


def _worst(scenario: Scenario, machine: Machine, size: float) -> timedelta:
    limits = scenario.limits
    shared = [limits.bandwidth, limits.stores.get(machine.store)]
    line = min([machine.line, *(most / limits.slots for most in shared if most is not None)])
    seconds = full_seconds(machine, 0.0) + size / line + size / machine.verify_rate
    return timedelta(seconds=seconds * WORST)


def _assumed(scenario: Scenario) -> timedelta:
    """What the planner has to take for granted of a server that nobody measured."""
    assumed = scenario.assumptions
    return (assumed.overhead + timedelta(seconds=assumed.size / assumed.rate)) * assumed.safety


def _overlap(
    some: Iterable[Stretch], others: Sequence[Stretch], begin: datetime, end: datetime
) -> tuple[Stretch, ...]:
    both = [
        Stretch(begin=max(a.begin, b.begin, begin), end=min(a.end, b.end, end))
        for a in some
        for b in others
        if max(a.begin, b.begin, begin) < min(a.end, b.end, end)
    ]
    return tuple(sorted(both, key=lambda stretch: stretch.begin))


def _forwards(cases: Sequence[_Case], slots: int) -> list[datetime | None]:
    """By when the first copy of each is there, if all are made whole and by the nearest stop."""
    ends: dict[int, datetime | None] = {}
    busy: list[datetime] = []
    waiting = sorted(range(len(cases)), key=lambda n: cases[n].from_)
    while waiting:
        free = max(
            cases[waiting[0]].from_, busy[0] if len(busy) >= slots else cases[waiting[0]].from_
        )
        ready = [n for n in waiting if cases[n].from_ <= free]
        nearest = min(ready, key=lambda n: cases[n].stop.stop_at)
        waiting.remove(nearest)
        end = _walk(cases[nearest], free)
        ends[nearest] = end
        busy = sorted([*busy[1 if len(busy) >= slots else 0 :], end or free])
    return [ends[n] for n in range(len(cases))]


def _backwards(cases: Sequence[_Case], slots: int) -> list[timedelta]:
    """How long before its margin the last copy of each must begin if all are made late."""
    taken: list[datetime] = []
    backlog = [NOTHING] * len(cases)
    for number in sorted(range(len(cases)), key=lambda n: cases[n].final_by, reverse=True):
        case = cases[number]
        end = case.final_by
        if len(taken) >= slots:
            end = min(end, taken.pop())  # the slot that is free until latest
        taken = sorted([*taken, end - case.delta])
        backlog[number] = case.final_by - (end - case.delta)
    return backlog


def _round(scenario: Scenario, cases: Sequence[_Case], case: _Case) -> timedelta:
    """What one round of all servers near their stops takes."""
    begin, end = case.stop.stop_at - DAY, case.stop.stop_at
    near = [other for other in cases if other.from_ < end and other.stop.stop_at > begin]
    return sum((other.delta for other in near), NOTHING) / scenario.limits.slots


def _oldest(case: _Case, last: timedelta, round_: timedelta) -> datetime:
    """Where the last days were lost to outages, the ladder asked for less often before them."""
    stop, every = case.stop.stop_at, case.policy.ladder[-1].every
    while True:
        oldest = _walk_back(case, max(every, round_) + case.quiet + last)
        rung = case.policy.rung(stop - oldest)
        if rung is None or rung.every <= every:
            return oldest
        every = rung.every


def _walk(case: _Case, begin: datetime) -> datetime | None:
    """When a whole copy ends that begins then; None if it does not before the stop."""
    left = case.full
    for stretch in case.open:
        if stretch.end <= begin:
            continue
        start = max(stretch.begin, begin)
        if start + left <= stretch.end:
            return start + left
        left -= stretch.end - start
        left += RECOVERY
    return None


def _walk_back(case: _Case, allowed: timedelta) -> datetime:
    """So long before the stop, not counting time in which nothing could be done."""
    left, at = allowed, case.stop.stop_at
    for stretch in reversed(case.open):
        if stretch.end < at:
            left += RECOVERY + case.delta
        at = stretch.end - left
        if at >= stretch.begin:
            return at
        left -= stretch.length
        at = stretch.begin
    return case.from_ - 1000 * DAY
