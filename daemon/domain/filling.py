"""Lets routine runs start where the firm ones leave room, and never where one would be delayed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from daemon.domain.profile import Profile
from daemon.domain.schedule import NEVER, Block, Capacity, Occupancy

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
        last: After this moment it is not worth starting; None where it always is.
    """

    block: Block
    firm_at: int | None
    patience: int
    last: int | None = None


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
    """When each starts.

    Those that only start at their reserved moment are left out, and those that find no room as long
    as they are worth starting.
    """
    return _Filling(fillers, reservations, quiet_until).run()


def _is_past(now: int, filler: Filler) -> bool:
    if filler.firm_at is not None:
        return now >= filler.firm_at
    return filler.last is not None and now > filler.last


class _Filling:
    def __init__(
        self, fillers: Sequence[Filler], reservations: Reservations, quiet_until: QuietUntil
    ) -> None:
        self._pending = [(each.block.ready, each.block.rank, each) for each in fillers]
        heapify(self._pending)
        self._ready: list[tuple[int, Filler]] = []
        #: What was looked at in vain at the last moment, in rank before all that are ready.
        self._hindered: list[tuple[int, Filler]] = []
        #: From when on no slot is free, as far as is known; and bytes a second that are left.
        self._full_from, self._left = NEVER, 0
        self._reserved = reservations
        self._ends = list(reservations.ends)
        self._quiet_until = quiet_until
        self._occupancy = Occupancy(reservations.capacity)
        self._starts: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        while self._pending or self._ready or self._hindered:
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
        if self._ready or self._hindered:
            ends = (self._occupancy.next_end, self._ends[-1] if self._ends else None)
            moments += [end for end in ends if end is not None]
        return min(moments)

    def _start_what_fits(self, now: int) -> None:
        self._look_around(now)
        if self._full_from <= now:
            return
        quiet_until = self._quiet_until(now) if self._ready or self._hindered else None
        waiting = self._hindered_first()
        self._hindered = []
        while waiting or self._ready:
            if len(self._hindered) >= _LOOK_AHEAD or self._full_from <= now:
                break
            rank, filler = waiting.pop() if waiting else heappop(self._ready)
            if _is_past(now, filler):
                continue
            if quiet_until is not None and now < filler.patience:
                until = min(quiet_until, filler.patience)
                heappush(self._pending, (until, rank, filler))
            elif self._may_fit(now, filler) and self._fits(now, filler):
                self._starts[filler.block.server] = now
                self._occupancy.begin(now + filler.block.length, filler.block)
                self._look_around(now)
            else:
                self._hindered.append((rank, filler))
        self._hindered += reversed(waiting)

    def _hindered_first(self) -> list[tuple[int, Filler]]:
        """The hindered, last one first; none where others that are ready go before some."""
        last = self._hindered[-1][0] if self._hindered else 0
        if len(self._hindered) >= _LOOK_AHEAD and not (self._ready and self._ready[0][0] < last):
            return self._hindered[::-1]
        for entry in self._hindered:
            heappush(self._ready, entry)
        return []

    def _look_around(self, now: int) -> None:
        """Find out what is free at this moment, and for how long."""
        reserved, capacity = self._reserved, self._reserved.capacity
        free = capacity.slots - self._occupancy.count
        full_from = now if free < 1 else reserved.slots.first_at_least(now, free)
        self._full_from = NEVER if full_from is None else full_from
        if capacity.bandwidth is not None:
            used = self._occupancy.bandwidth + reserved.bandwidth.at(now)
            self._left = capacity.bandwidth - used

    def _may_fit(self, now: int, filler: Filler) -> bool:
        """A quick look; what it has no doubt about need not be looked at closely."""
        block, firm_at = filler.block, filler.firm_at
        if now + block.length > self._full_from and (firm_at is None or firm_at > self._full_from):
            return False
        return self._reserved.capacity.bandwidth is None or (
            block.rate <= self._left or self._left >= self._reserved.capacity.bandwidth
        )

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
