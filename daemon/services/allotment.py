"""How fast each run may be, so that all of them together keep within the bandwidth there is. Pure.

What is there is shared equally by the runs that are to be under way at the same time, on all
hosts; a run gets more if the plan reserved more for it. Its share stays the same to its end,
whoever comes or goes. So none takes a rest that others will need soon.
"""

from dataclasses import dataclass, replace
from typing import Final

from daemon.domain.instant import shift
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The other runs that bandwidth is shared with.

    Attributes:
        here: Under way on this host.
        elsewhere: Stores of those that other hosts make; how fast those are, nobody here knows.
        coming: What is planned beside them; only what begins before the run in question ends
            counts.
    """

    here: tuple[Assignment, ...] = ()
    elsewhere: tuple[str, ...] = ()
    coming: tuple[PlannedRun, ...] = ()

    def at_store(self, store: str) -> "Company":
        """Those that write to a store."""
        return Company(
            here=tuple(each for each in self.here if each.planned.demand.store == store),
            elsewhere=tuple(each for each in self.elsewhere if each == store),
            coming=tuple(each for each in self.coming if each.demand.store == store),
        )

    def beside(self, planned: PlannedRun) -> "Company":
        """Those that are to be under way while a run lasts."""
        until = shift(planned.start_at, planned.demand.estimate.high)
        taken = {planned.demand.server, *(each.server for each in self.here)}
        coming = (each for each in self.coming if each.start_at < until)
        return replace(
            self, coming=tuple(each for each in coming if each.demand.server not in taken)
        )

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.here) + len(self.elsewhere) + len(self.coming)


def assign(planned: PlannedRun, limits: Limits, company: Company) -> Assignment:
    """The run with its share of the bandwidth.

    Args:
        planned: What is to be started.
        limits: Of all runs, on all hosts.
        company: What else there is.
    """
    store = planned.demand.store
    budgets = (limits.bandwidth, limits.stores.get(store))
    if budgets == (None, None):
        return Assignment(planned=planned)
    near = company.beside(planned)
    shares = (
        _share(planned, budgets[0], near, limits),
        _share(planned, budgets[1], near.at_store(store), limits),
    )
    return Assignment(
        planned=planned, bandwidth=min((each for each in shares if each), default=None)
    )


def _share(planned: PlannedRun, budget: int | None, company: Company, limits: Limits) -> int | None:
    if budget is None:
        return None
    slots = max(1, limits.slots)
    equal = budget // min(slots, 1 + company.size)
    left = budget - sum(each.bandwidth or 0 for each in company.here)
    left -= equal * len(company.elsewhere)
    wanted = max(planned.demand.estimate.rate, equal)
    return max(_least(planned, budget, slots, limits), min(wanted, left))


def _least(planned: PlannedRun, budget: int, slots: int, limits: Limits) -> int:
    """What a run gets even if others have more than was reserved for them.

    One that has to start now gets all that was reserved for it: the plan counts on that.
    """
    must_start = planned.start_at >= shift(planned.start_by, -limits.lead)
    reserved = min(planned.demand.estimate.rate, budget) if must_start else 0
    return max(_LEAST, budget // slots // _FLOOR, reserved)
