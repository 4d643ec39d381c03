"""Made-up measurements, as short as can be."""

from tests.benchmarks.capture.contestants import Rsync, RsyncThenRestic, Step
from tests.benchmarks.capture.measure import Cost, Far
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.record import (
    Case,
    Delivered,
    Entry,
    Machine,
    Origin,
    Peak,
    Remains,
    Report,
    Salvage,
    Size,
)

MACHINE = Machine(cores=2, memory=24_000_000_000, versions=(("rsync", "3.5.0"),))
ORIGIN = Origin(commit="1a2b3c4d", command="python -m bench", day="2026-11-23", load=0.1)


def cost(seconds: float, processor: float = 1.0, **more: float) -> Cost:
    """What a run took."""
    far = Far(server=0.5, store=0.25, pulled=1_000_000, pushed=500_000)
    return Cost(seconds=seconds, processor=processor, far=far, peak=200_000_000, **more)


def case(*, letter: str = "a", ours: float = 1.0, step: Step = Step.FIRST, line: int = 0) -> Case:
    """The rival takes 2 seconds in it, rsync alone one."""
    taken = {Rsync.name: 1.0, RsyncThenRestic.name: 2.0, Lapseguard.name: ours}
    entries = tuple(
        Entry(contestant=name, costs=(cost(seconds),), stored=1000)
        for name, seconds in taken.items()
    )
    return Case(
        letter=letter,
        tree="small files",
        step=step,
        line=line or None,
        files=48_000,
        bytes=560_000_000,
        entries=entries,
        notes=("caches dropped before each run",),
        origin=ORIGIN,
    )


def size(*, times: float, seconds: float, peak: int = 0, tree: str = "small files") -> Size:
    """A backup of so many times a thousand files."""
    return Size(
        tree=tree,
        step=Step.FIRST,
        times=times,
        files=int(1000 * times) or 1,
        bytes=int(1_000_000 * times),
        cost=cost(seconds, seconds),
        peak=Peak(everything=peak, own=peak, theirs=0),
        origin=ORIGIN,
    )


def salvage(*, contestant: str, before: int, restorable: int) -> Salvage:
    """A cut at half time."""
    kept = Remains(whole=restorable)
    return Salvage(
        contestant=contestant,
        tree="small files",
        files=48_000,
        bytes=560_000_000,
        moment=0.5,
        seconds=20.0,
        every=4,
        delivered=Delivered(then=before + 10, before=before, begun=0),
        at_once=kept,
        in_the_end=kept,
        origin=ORIGIN,
    )


def report(**parts: object) -> Report:
    """Of these parts."""
    return Report(machine=MACHINE, **parts)  # type: ignore[arg-type] # whoever calls knows
