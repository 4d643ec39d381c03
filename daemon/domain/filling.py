"""Lets routine runs start where the firm ones leave room, and never where one would be delayed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from daemon.domain.profile import Profile
from daemon.domain.schedule import Block, Capacity, Occupancy

#: So many that do not fit are looked at in each moment before it is given up; the time for a plan
#: stays bounded. Who is left out gets its turn at a later moment, or as a firm run.
_LOOK_AHEAD: Final = 32

#: When the quiet stretch that holds at a moment ends; None where none does.
QuietUntil = Callable[[int], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """A run that takes what room there is.

    Attributes:
        block: See `Block`.
        firm_at: When it starts at the latest, since room is reserved for it then; None for a run
            that nothing is reserved for.
        patience: From this moment on quiet hours do not hold it back.
    """

    block: Block
    firm_at: int | None
    patience: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservations:
    """What the firm runs, and those under way, use over time."""

    capacity: Capacity
    slots: Profile
    bandwidth: Profile
    stores: Mapping[str, Profile]
    ends: Sequence[int]


def reserve(
    firm: Sequence[tuple[int, Block]], busy: Sequence[Block], capacity: Capacity
) -> Reservations:
    """The reservations of firm runs with their starts, and of those under way."""
    uses = [(start, start + block.length, block) for start, block in firm]
    uses += [(block.ready, block.ready + block.length, block) for block in busy]
    budgeted = uses if capacity.bandwidth is not None else []
    return Reservations(
        capacity=capacity,
        slots=Profile((start, end, 1) for start, end, _ in uses),
        bandwidth=Profile((start, end, block.rate) for start, end, block in budgeted),
        stores={
            name: Profile(
                (start, end, block.rate) for start, end, block in uses if block.store == name
            )
            for name in capacity.stores
        },
        ends=sorted({end for _, end, _ in uses}, reverse=True),
    )


def fill(
    fillers: Sequence[Filler], reservations: Reservations, quiet_until: QuietUntil
) -> dict[str, int]:
    """When each starts; those that only start at their reserved moment are left out."""
    return _Filling(fillers, reservations, quiet_until).run()


class _Filling:
    def __init__(
        self, fillers: Sequence[Filler], reservations: Reservations, quiet_until: QuietUntil
    ) -> None:
        self._pending = [(each.block.ready, each.block.rank, each) for each in fillers]
        heapify(self._pending)
        self._ready: list[tuple[int, Filler]] = []
        self._reserved = reservations
        self._ends = list(reservations.ends)
        self._quiet_until = quiet_until
        self._occupancy = Occupancy(reservations.capacity)
        self._starts: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        while self._pending or self._ready:
            now = self._next_moment()
            self._occupancy.pass_to(now)
            while self._ends and self._ends[-1] <= now:
                self._ends.pop()
            while self._pending and self._pending[0][0] <= now:
                _, rank, filler = heappop(self._pending)
                heappush(self._ready, (rank, filler))
            self._start_what_fits(now)
        return self._starts

    def _next_moment(self) -> int:
        """When something can change: a run becomes ready, or one of either sort ends."""
        moments = [self._pending[0][0]] if self._pending else []
        if self._ready:
            ends = (self._occupancy.next_end, self._ends[-1] if self._ends else None)
            moments += [end for end in ends if end is not None]
        return min(moments)

    def _start_what_fits(self, now: int) -> None:
        passed_over: list[tuple[int, Filler]] = []
        quiet_until = self._quiet_until(now) if self._ready else None
        while self._ready and len(passed_over) < _LOOK_AHEAD and self._has_slot(now):
            rank, filler = heappop(self._ready)
            block = filler.block
            if filler.firm_at is not None and now >= filler.firm_at:
                continue
            if quiet_until is not None and now < filler.patience:
                until = min(quiet_until, filler.patience)
                heappush(self._pending, (until, rank, filler))
            elif self._fits(now, filler):
                self._starts[block.server] = now
                self._occupancy.begin(now + block.length, block)
            else:
                passed_over.append((rank, filler))
        for entry in passed_over:
            heappush(self._ready, entry)

    def _has_slot(self, now: int) -> bool:
        used = self._occupancy.count + self._reserved.slots.at(now)
        return used < self._reserved.capacity.slots

    def _fits(self, now: int, filler: Filler) -> bool:
        """Whether the firm runs keep all they need for as long as this one would last."""
        block, capacity = filler.block, self._reserved.capacity
        if self._occupancy.count + self._peak(self._reserved.slots, now, filler, 1) >= (
            capacity.slots
        ):
            return False
        if capacity.bandwidth is not None:
            used = self._occupancy.bandwidth
            used += self._peak(self._reserved.bandwidth, now, filler, block.rate)
            if used + block.rate > max(capacity.bandwidth, block.rate):
                return False
        limit = capacity.stores.get(block.store)
        if limit is None:
            return True
        used = self._occupancy.store(block.store)
        used += self._peak(self._reserved.stores[block.store], now, filler, block.rate)
        return used + block.rate <= max(limit, block.rate)

    @staticmethod
    def _peak(profile: Profile, now: int, filler: Filler, own: int) -> int:
        """The most that others need while it would run; its own reservation is not another's."""
        end, firm_at = now + filler.block.length, filler.firm_at
        if firm_at is None or firm_at >= end:
            return profile.peak(now, end)
        return max(profile.peak(now, firm_at), profile.peak(firm_at, end) - own)
