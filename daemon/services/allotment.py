"""How fast each run may be, so that all of them together keep within the bandwidth there is. Pure.

A run gets at least what the plan reserved for it, and of the rest as much as leaves the free slots
an equal share. What it gets it keeps to its end: rsync cannot be told otherwise later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from daemon.domain.plan import Limits, PlannedRun

#: Slower than this nothing ever ends (bytes a second).
_LEAST: Final = 16 * 1024
#: Of an equal share for each slot, what a run gets even where others have taken everything: a
#: little over the budget is better than a run that is still under way when its server stops.
_FLOOR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A run that a daemon makes.

    Attributes:
        planned: What the plan said of it.
        bandwidth: Bytes a second at most, or None.
    """

    planned: PlannedRun
    bandwidth: int | None = None

    @property
    def server(self) -> str:
        """Whose run it is."""
        return self.planned.demand.server


def assign(
    planned: PlannedRun, limits: Limits, under_way: Iterable[Assignment], free_slots: int
) -> Assignment:
    """The run with its share of the bandwidth.

    Args:
        planned: What is to be started.
        limits: Of all runs of this host.
        under_way: Other runs of this host.
        free_slots: How many more there is room for, this one included.
    """
    others = tuple(under_way)
    store = planned.demand.store
    neighbours = tuple(each for each in others if each.planned.demand.store == store)
    shares = (
        _share(planned, limits.bandwidth, others, free_slots, limits.slots),
        _share(planned, limits.stores.get(store), neighbours, free_slots, limits.slots),
    )
    return Assignment(
        planned=planned, bandwidth=min((each for each in shares if each), default=None)
    )


def _share(
    planned: PlannedRun,
    budget: int | None,
    others: tuple[Assignment, ...],
    free_slots: int,
    slots: int,
) -> int | None:
    if budget is None:
        return None
    left = budget - sum(each.bandwidth or 0 for each in others)
    wanted = max(planned.demand.estimate.rate, left // max(1, free_slots))
    return max(_LEAST, budget // max(1, slots) // _FLOOR, min(wanted, left))
