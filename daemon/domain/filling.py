"""Lets routine runs start where the firm ones leave room, and never where one would be delayed."""

from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final, TypeAlias

from daemon.domain.profile import Profile
from daemon.domain.schedule import NEVER, Block, Capacity, Occupancy

#: So many that do not fit are looked at in each moment before it is given up; the time for a plan
#: stays bounded. Who is left out gets its turn at a later moment, or as a firm run.
_LOOK_AHEAD: Final = 32

#: So many ends of runs that have begun are followed to find out for how long a slot is free.
_ENDS_LOOKED_AT: Final = 2

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


#: A filler in line: its rank, which is unique; when its turn comes anyway, or it is too
#: late for it; its length and its rate.
_Entry: TypeAlias = tuple[int, int, int, int, Filler]


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


def _entry(filler: Filler) -> _Entry:
    turn = filler.last if filler.firm_at is None else filler.firm_at
    block = filler.block
    return block.rank, NEVER if turn is None else turn, block.length, block.rate, filler


def _is_past(now: int, filler: Filler) -> bool:
    if filler.firm_at is not None:
        return now >= filler.firm_at
    return filler.last is not None and now > filler.last


def _takes_until(now: int, filler: Filler) -> int:
    """Until when a run that begins now needs room of its own.

    One that is still under way when its reserved moment comes is what the room is kept for.
    """
    end = now + filler.block.length
    return end if filler.firm_at is None else min(end, filler.firm_at)


class _Filling:
    def __init__(
        self, fillers: Sequence[Filler], reservations: Reservations, quiet_until: QuietUntil
    ) -> None:
        self._begin = min((each.block.ready for each in fillers), default=0)
        #: Those that are ready at the beginning, often nearly all: the last in rank first.
        self._ready_at_once = sorted(
            [_entry(each) for each in fillers if each.block.ready == self._begin], reverse=True
        )
        later = [each for each in fillers if each.block.ready > self._begin]
        self._pending = [(each.block.ready, _entry(each)) for each in later]
        heapify(self._pending)
        #: Of those whose time has come the first in rank, and a heap of others.
        self._first: list[_Entry] = []
        self._ready: list[_Entry] = []
        #: From when on no slot is free, as far as is known; and bytes a second that are left.
        self._full_from, self._left = NEVER, NEVER
        self._reserved = reservations
        self._ends = list(reservations.ends)
        self._quiet_until = quiet_until
        self._occupancy = Occupancy(reservations.capacity)
        self._starts: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        now = self._begin
        while self._pending or self._is_somebody_ready():
            self._occupancy.pass_to(now)
            while self._ends and self._ends[-1] <= now:
                self._ends.pop()
            self._admit(now)
            self._start_what_fits(now)
            now = self._next_moment()
        return self._starts

    def _is_somebody_ready(self) -> bool:
        return bool(self._first or self._ready or self._ready_at_once)

    def _next_moment(self) -> int:
        """When something can change: a run becomes ready, or one of either sort ends."""
        moments = [self._pending[0][0]] if self._pending else []
        if self._is_somebody_ready():
            ends = (self._occupancy.next_end, self._ends[-1] if self._ends else None)
            moments += [end for end in ends if end is not None]
        return min(moments, default=NEVER)

    def _admit(self, now: int) -> None:
        """Take in those whose time has come."""
        while self._pending and self._pending[0][0] <= now:
            _, entry = heappop(self._pending)
            if self._first and entry < self._first[-1]:
                insort(self._first, entry)
            else:
                heappush(self._ready, entry)
        while len(self._first) > _LOOK_AHEAD:
            heappush(self._ready, self._first.pop())

    def _start_what_fits(self, now: int) -> None:
        self._look_around(now)
        if self._full_from <= now:
            return
        quiet_until = self._quiet_until(now) if self._is_somebody_ready() else None
        # Those before this place do not fit.
        place = self._look_for(now, 0, quiet=quiet_until is not None)
        while place < _LOOK_AHEAD and self._full_from > now:
            if not self._settle(now, place, quiet_until):
                place += 1
            place = self._look_for(now, place, quiet=quiet_until is not None)

    def _look_for(self, now: int, place: int, *, quiet: bool) -> int:
        """The next place at which a quick look does not rule out that something happens."""
        first, left, full_from = self._first, self._left, self._full_from
        room = full_from - now
        while place < _LOOK_AHEAD:
            if place == len(first):
                if not (self._ready or self._ready_at_once):
                    return _LOOK_AHEAD
                first.append(self._next_in_rank())
            _, turn, length, rate, _ = first[place]
            if turn <= now or quiet:
                break
            if rate <= left and (length <= room or turn <= full_from):
                break
            place += 1
        return place

    def _next_in_rank(self) -> _Entry:
        """Takes the next one of those that are ready."""
        at_once, ready = self._ready_at_once, self._ready
        if at_once and not (ready and ready[0] < at_once[-1]):
            return at_once.pop()
        return heappop(ready)

    def _settle(self, now: int, place: int, quiet_until: int | None) -> bool:
        """Whether the one at this place waits no longer: it starts, is put off, or is too late."""
        entry = self._first[place]
        filler = entry[-1]
        if quiet_until is not None and now < filler.patience and not _is_past(now, filler):
            heappush(self._pending, (min(quiet_until, filler.patience), entry))
        elif not _is_past(now, filler):
            if not self._fits(now, filler):
                return False
            self._starts[filler.block.server] = now
            self._occupancy.begin(_takes_until(now, filler), filler.block)
            self._look_around(now)
        del self._first[place]
        return True

    def _look_around(self, now: int) -> None:
        """Find out what is free at this moment, and for how long."""
        reserved, capacity = self._reserved, self._reserved.capacity
        self._full_from = self._find_full(now)
        if capacity.bandwidth is not None:
            used = self._occupancy.bandwidth + reserved.bandwidth.at(now)
            self._left = capacity.bandwidth - used if used > 0 else NEVER

    def _find_full(self, now: int) -> int:
        """When the last slot is taken, if nobody else begins."""
        reserved, free = self._reserved.slots, self._reserved.capacity.slots
        free -= self._occupancy.count
        full: int | None = now
        for end, _, _ in self._occupancy.ends[:_ENDS_LOOKED_AT]:
            full = now if free < 1 else reserved.first_at_least(now, free)
            if full is None or full < end:
                break
            now, free = end, free + 1
        else:
            full = now if free < 1 else reserved.first_at_least(now, free)
        return NEVER if full is None else full

    def _fits(self, now: int, filler: Filler) -> bool:
        """Whether the firm runs keep all they need for as long as this one would last."""
        block, reserved, begun = filler.block, self._reserved, self._occupancy.ends
        capacity = reserved.capacity
        if self._full_from < now + block.length:
            slots = [(end, 1) for end, _, _ in begun]
            if not _leaves(capacity.slots - 1, reserved.slots, slots, now, filler, own=1):
                return False
        if capacity.bandwidth is not None:
            rates, rest = [(end, rate) for end, rate, _ in begun], capacity.bandwidth - block.rate
            if not _leaves(rest, reserved.bandwidth, rates, now, filler, own=block.rate):
                return False
        limit = capacity.stores.get(block.store)
        if limit is None:
            return True
        rates = [(end, rate) for end, rate, store in begun if store == block.store]
        stored = reserved.stores[block.store]
        return _leaves(limit - block.rate, stored, rates, now, filler, own=block.rate)


def _leaves(
    rest: int,
    profile: Profile,
    begun: list[tuple[int, int]],
    now: int,
    filler: Filler,
    *,
    own: int,
) -> bool:
    """Whether others never need more than the rest while it would run; nothing always fits.

    Its own reservation is not another's.

    Args:
        rest: What may be in use beside it.
        profile: What is reserved.
        begun: Of the runs that have begun, in order, until when each takes how much.
        now: When it would begin.
        filler: What would begin.
        own: How much is reserved for it from its moment on.
    """
    last, rest = now + filler.block.length, max(0, rest)
    turn = last if filler.firm_at is None else filler.firm_at
    used = sum(amount for _, amount in begun)
    if used + profile.peak(now, last) <= rest:
        return True
    for until, amount in [*begun, (last, 0)]:
        end = min(until, last)
        before, after = min(end, turn), max(now, turn)
        if now < before and used + profile.peak(now, before) > rest:
            return False
        if after < end and used + profile.peak(after, end) - own > rest:
            return False
        now, used = end, used - amount
    return True
