"""What goes wrong around the servers: hosts, stores, clocks; and what the fleet has to share."""

import random
from datetime import datetime, time, timedelta

from daemon.domain.plan import Limits, QuietHours
from tests.simulation.chance import happens, one_of
from tests.simulation.scenario import Host, Step, Store, Stretch

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MIB = 1024**2


def stretches(
    chance: random.Random, begin: datetime, end: datetime, apart: timedelta, most: timedelta
) -> tuple[Stretch, ...]:
    """Troubles of up to `most`, about `apart` from one another: many short ones, few long ones."""
    found: list[Stretch] = []
    at = begin
    while True:
        at += timedelta(seconds=chance.expovariate(1 / apart.total_seconds())) + MINUTE
        length = max(timedelta(seconds=20), most * chance.random() ** 4)
        if at + length >= end:
            return tuple(found)
        found.append(Stretch(begin=at, end=at + length))
        at += length


def draw_hosts(
    chance: random.Random, begin: datetime, end: datetime, kind: str, steps: tuple[Step, ...]
) -> tuple[Host, ...]:
    """One host, or two that share the fleet."""
    if kind in {"calm", "crowded", "calendar"}:
        return (Host(name="ops-1"),)
    if kind == "clocks":
        # A restart while the clock is wrong leaves nothing to go by; restarts come between.
        quiet = stretches(chance, begin, end, 60 * DAY, 4 * HOUR)
        apart = [s for s in quiet if not any(_near(s, step.during) for step in steps)]
        return (Host(name="ops-1", downtimes=tuple(apart), steps=steps),)
    number = 2 if kind == "shared" else 1
    most = 7 * DAY if happens(chance, 0.3) else DAY
    hosts = []
    for place in range(number):
        downtimes = stretches(chance, begin, end, 40 * DAY, most)
        # Where others may take over what is frozen, that is what such worlds are about.
        often = 3 * DAY if number > 1 else 30 * DAY
        freezes = stretches(chance, begin, end, often, 3 * HOUR)
        apart = tuple(f for f in freezes if not any(_near(f, d) for d in downtimes))
        hosts.append(Host(name=f"ops-{place + 1}", downtimes=downtimes, freezes=apart))
    return tuple(hosts)


def draw_steps(chance: random.Random, begin: datetime, end: datetime) -> tuple[Step, ...]:
    """Clock faults, each put right within a day, as by NTP."""
    kinds = [
        (3.0, (HOUR, False)),
        (3.0, (-HOUR, False)),
        (2.0, (-2 * DAY, False)),
        (2.0, (400 * DAY, False)),
        (2.0, (20 * MINUTE, True)),
        (2.0, (-20 * MINUTE, True)),
    ]
    steps = []
    for stretch in stretches(chance, begin, end, 25 * DAY, 20 * HOUR):
        by, drift = one_of(chance, kinds)
        steps.append(Step(during=stretch, by=by, drift=drift))
    return tuple(steps)


def draw_stores(
    chance: random.Random, begin: datetime, end: datetime, kind: str
) -> tuple[Store, ...]:
    """One or two stores."""
    stores = []
    for name in ("main", "spare")[: chance.randint(1, 2)]:
        bad = kind == "stormy"
        outages = stretches(chance, begin, end, 40 * DAY, 20 * HOUR) if bad else ()
        slow = stretches(chance, begin, end, 30 * DAY, 12 * HOUR) if bad else ()
        stores.append(Store(name=name, outages=outages, slow=slow))
    return tuple(stores)


def draw_limits(chance: random.Random, kind: str, fleet: int) -> Limits:
    """What a careful person would configure for a fleet of this size."""
    slots = chance.randint(2, 3 if kind == "crowded" else 4) + (
        0 if kind == "crowded" else fleet // 12
    )
    limits = Limits(slots=slots)
    if kind == "crowded" and happens(chance, 0.4):
        limits = Limits(slots=slots, bandwidth=chance.randint(60, 200) * MIB)
    elif happens(chance, 0.1):
        limits = Limits(slots=slots, stores={"main": chance.randint(40, 200) * MIB})
    if happens(chance, 0.2):
        quiet = QuietHours(begin=time(8), end=time(18), timezone="Europe/Berlin")
        limits = Limits(
            slots=limits.slots, bandwidth=limits.bandwidth, stores=limits.stores, quiet=(quiet,)
        )
    return limits


def _near(one: Stretch, other: Stretch) -> bool:
    return one.begin - DAY < other.end and other.begin - DAY < one.end
