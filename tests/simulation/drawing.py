"""Worlds drawn from seeds: fleets of all sizes under all kinds of weather."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from daemon.domain.contract import Contract
from daemon.domain.phase import UNKNOWN_COURSE, Course, Phase
from daemon.domain.plan import Assumptions
from daemon.domain.policy import Policy, Rung
from daemon.domain.preset import Preset
from tests.simulation.chance import between, happens, one_of, stream
from tests.simulation.scenario import Act, Machine, Scenario, Store, Stretch, SwapZones
from tests.simulation.tenancy import DAY, ENDS, HOUR, LAST_ENDS, Tenancy, draw_expiry, draw_tenancy
from tests.simulation.weather import draw_hosts, draw_limits, draw_steps, draw_stores, stretches

GIB = 1024.0**3
MIB = 1024.0**2
#: Kinds of worlds, by how many of a hundred are so.
KINDS = (
    (20.0, "calm"),
    (10.0, "crowded"),
    (25.0, "stormy"),
    (15.0, "clocks"),
    (20.0, "shared"),
    (10.0, "calendar"),
)
#: How long worlds last that do not last a year.
LENGTHS = {"crowded": 200 * DAY, "calendar": 2 * 365 * DAY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """What all servers of one world have in common.

    Attributes:
        kind: See `KINDS`.
        begin: The world's.
        end: The world's.
        presets: That its contracts may name.
        crowd_at: In crowded worlds, when all the first contracts begin to end.
        notice: How long before that somebody enters them.
    """

    kind: str
    begin: datetime
    end: datetime
    presets: Sequence[Preset]
    crowd_at: datetime
    notice: timedelta


def draw_scenario(
    seed: str, presets: Mapping[str, Preset], *, kind: str | None = None, faults: bool = True
) -> Scenario:
    """The world that belongs to a seed."""
    chance = stream(seed, "scenario")
    kind = kind or one_of(chance, KINDS)
    begin = datetime(2026, 1, 1, tzinfo=UTC) + between(chance, timedelta(), 1400 * DAY)
    end = begin + LENGTHS.get(kind, 365 * DAY)
    climate = Climate(
        kind=kind,
        begin=begin,
        end=end,
        presets=list(presets.values()),
        crowd_at=begin + between(chance, 20 * DAY, 90 * DAY),
        notice=between(chance, DAY, chance.choice((2, 4, 8)) * DAY),
    )
    stores = draw_stores(stream(seed, "stores"), begin, end, kind if faults else "calm")
    machines, acts = _draw_fleet(seed, climate, _fleet_size(chance, kind), stores, faults=faults)
    if kind == "calendar":
        acts.append(SwapZones(at=begin + between(chance, 30 * DAY, 365 * DAY)))
    steps = draw_steps(stream(seed, "steps"), begin, end) if kind == "clocks" and faults else ()
    limits = draw_limits(stream(seed, "limits"), kind, len(machines))
    return Scenario(
        seed=seed,
        begin=begin,
        end=end,
        machines=machines,
        acts=tuple(sorted(acts, key=lambda act: act.at)),
        hosts=draw_hosts(stream(seed, "hosts"), begin, end, kind if faults else "calm", steps),
        stores=stores,
        policies=_draw_policies(stream(seed, "policies")),
        limits=limits,
        assumptions=Assumptions(),
    )


def _fleet_size(chance: random.Random, kind: str) -> int:
    if kind == "crowded":
        return chance.randint(8, 50)
    return min(20, 1 + int(chance.expovariate(1 / 5)))


def _draw_fleet(
    seed: str, climate: Climate, size: int, stores: Sequence[Store], *, faults: bool
) -> tuple[tuple[Machine, ...], list[Act]]:
    machines: list[Machine] = []
    acts: list[Act] = []
    for place in range(size):
        born_at = climate.begin
        for generation in count(1):
            name = f"srv-{place:02}-{generation}"
            chance = stream(seed, "server", name)
            tenancy = _draw_contract(chance, name, climate, born_at)
            store = chance.choice(stores).name
            machine = _draw_machine(chance, name, climate, born_at, tenancy)
            stormy = faults and climate.kind == "stormy"
            outages = stretches(chance, born_at, climate.end, 60 * DAY, 30 * HOUR) if stormy else ()
            ssh = without(_joined(tenancy.ssh), outages)
            machines.append(replace(machine, store=store, reachable=ssh))
            acts += [act for act in tenancy.acts if act.at < climate.end]
            if tenancy.over_at is None or tenancy.over_at + DAY >= climate.end:
                break
            born_at = tenancy.over_at
    return tuple(machines), acts


def _draw_contract(
    chance: random.Random, name: str, climate: Climate, born_at: datetime
) -> Tenancy:
    preset, course = _draw_course(chance, climate.presets)
    term = timedelta(days=one_of(chance, [(1, 30), (2, 90), (2, 180), (5, 365)]))
    crowd = climate.kind == "crowded" and born_at == climate.begin
    if crowd:
        spread = between(chance, timedelta(), 4 * DAY) if happens(chance, 0.5) else timedelta()
        term, near = 365 * DAY, climate.crowd_at + spread
    else:
        near = born_at + between(chance, timedelta(), term)
    odd = climate.kind == "calendar"
    expiry = draw_expiry(chance, near, plain=crowd and happens(chance, 0.8), odd=odd)
    entered = climate.crowd_at - climate.notice if crowd else born_at
    if happens(chance, 0.15):  # nobody thought of it before
        entered = max(entered, near - between(chance, 14 * HOUR, 5 * DAY))
    contract = Contract(
        name=f"{name}-paper",
        provider="somebody",
        servers=(name,),
        expiry=expiry,
        preset=None if preset is None else preset.name,
        course=None if preset is not None else course,
        created_at=entered,
    )
    ends = LAST_ENDS if crowd else ENDS
    return draw_tenancy(
        chance,
        contract,
        course,
        begin=entered,
        end=climate.end,
        term=term,
        first_ends=ends,
        odd=odd,
    )


def _draw_course(chance: random.Random, presets: Sequence[Preset]) -> tuple[Preset | None, Course]:
    kind = one_of(chance, [(5.0, "preset"), (2.0, "unknown"), (3.0, "own")])
    if kind == "preset" and presets:
        preset = chance.choice(presets)
        return preset, preset.course
    return None, UNKNOWN_COURSE if kind == "unknown" else _own_course(chance)


def _own_course(chance: random.Random) -> Course:
    """Phases that no preset has: ssh in grace, ssh that comes back, a stop before the expiry."""
    starts = [between(chance, -HOUR, 5 * DAY)]
    for _ in range(chance.randint(1, 3)):
        starts.append(starts[-1] + between(chance, HOUR, 10 * DAY))
    works = [happens(chance, 0.4) for _ in starts[:-1]]
    phases = [
        Phase(name=f"phase-{number}", start=start, ssh=ssh, renewal=True)
        for number, (start, ssh) in enumerate(zip(starts, works, strict=False))
    ]
    return Course(phases=(*phases, Phase(name="released", start=starts[-1], data=False)))


def _draw_machine(
    chance: random.Random, name: str, climate: Climate, born_at: datetime, tenancy: Tenancy
) -> Machine:
    crowded = climate.kind == "crowded"
    size = min(1500 * GIB, chance.lognormvariate(*((3.6, 0.8) if crowded else (3.0, 1.4))) * GIB)
    return Machine(
        name=name,
        born_at=born_at,
        gone_at=min(climate.end, tenancy.over_at or climate.end),
        size=size,
        growth=size * chance.uniform(0.0, 0.002),
        churn=size * chance.uniform(0.0005, 0.2 if crowded else 0.05),
        rate=chance.uniform(2.0, 20.0 if crowded else 60.0) * MIB,
        overhead=chance.uniform(3.0, 120.0),
        verify_rate=chance.uniform(50.0, 400.0) * MIB,
        noise=chance.choice((0.0, 0.1, 0.25)),
        reachable=(),
        value=chance.choice((0, 0, 1, 5, 10, 100)),
        bandwidth=int(chance.uniform(4, 20) * MIB) if happens(chance, 0.1) else None,
        labels=("database",) if happens(chance, 0.2) else (),
        tells_size=happens(chance, 0.5),
    )


def _draw_policies(chance: random.Random) -> tuple[Policy, ...]:
    seed = chance.choice((10, 30, 45))
    dense = Policy(
        name="dense",
        labels=frozenset({"database"}),
        ladder=(
            Rung(within=timedelta(days=seed), every=3 * DAY),
            Rung(within=timedelta(days=7), every=12 * HOUR),
            Rung(within=timedelta(days=1), every=chance.choice((2, 4)) * HOUR),
        ),
        margin=chance.choice((HOUR, 3 * HOUR)),
    )
    return Policy(), dense


def _joined(stretches_: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """The same time in as few stretches as possible."""
    joined: list[Stretch] = []
    for stretch in sorted(stretches_, key=lambda stretch: stretch.begin):
        if joined and stretch.begin <= joined[-1].end:
            longest = max(stretch.end, joined[-1].end)
            joined[-1] = Stretch(begin=joined[-1].begin, end=longest)
        else:
            joined.append(stretch)
    return tuple(joined)


def without(whole: Sequence[Stretch], holes: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Stretches less what lies in the holes."""
    rest = list(whole)
    for hole in holes:
        cut: list[Stretch] = []
        for stretch in rest:
            cut.append(Stretch(begin=stretch.begin, end=min(stretch.end, hole.begin)))
            cut.append(Stretch(begin=max(stretch.begin, hole.end), end=stretch.end))
        rest = [stretch for stretch in cut if stretch.begin < stretch.end]
    return tuple(rest)
