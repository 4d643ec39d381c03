"""Chooses runs that can all end in time, worth as much as possible. See `triage`."""

import enum
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from daemon.domain.schedule import Block, Capacity

#: Worths are sums of values, laid side by side in one number: what is gone altogether without
#: the run before what has an older copy; of each the value before the count.
_SIDE: Final = 1 << 96
#: So many slots are looked at for one that others could leave.
_SLOTS_LOOKED_AT: Final = 4
#: Among more runs than this only one rule is tried.
_LARGE: Final = 10_000


class By(enum.Enum):
    """By when a run has to have ended to count."""

    #: Its deadline: the stop less the margin, as long as there is a margin.
    DUE = "due"
    #: The stop itself.
    STOP = "stop"


class Rule(enum.Enum):
    """Who makes room for whom."""

    #: What is worth less for the time it takes.
    DENSITY = "density"
    #: What is worth less, all that leave taken together.
    WORTH = "worth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """A run that has to happen, and what hangs on it.

    Attributes:
        block: The run; its rank is its place in the order of deadlines.
        early: From when on it could start, if need be, and still be what is wanted.
        called: From when on it may start without any need; no sooner than `early`.
        due: When it has to have ended.
        stop: When its server stops.
        value: Declared.
        has_copy: Whether there is an older copy, should this run not be made.
    """

    block: Block
    early: int
    called: int
    due: int
    stop: int
    value: int
    has_copy: bool

    @property
    def density(self) -> tuple[float, ...]:
        """What it is worth for the time it takes; ties go to the nearer stop."""
        length = max(1, self.block.length)
        return float(not self.has_copy), self.value / length, 1 / length, float(-self.stop)


def worth_of(stake: Stake) -> int:
    """What it is worth that the run ends in time; sums of these compare as they should."""
    one = max(0, stake.value) * _SIDE + 1
    return one if stake.has_copy else one * _SIDE * _SIDE


def select(
    stakes: Sequence[Stake], capacity: Capacity, busy: Sequence[Block], now: int, *, by: By
) -> frozenset[str]:
    """The servers whose runs are kept.

    Who makes room for whom is decided in two ways: what is worth less for the time it takes does,
    as in Moore and Hodgson's rule, or what is worth less altogether. Each is better at times.

    Bandwidth is reckoned with as a whole, not at each moment: what is kept may still not fit.

    Args:
        stakes: In the order in which they would start.
        capacity: What they share.
        busy: Runs under way.
        now: The present.
        by: By when each has to have ended.
    """
    dues = [stake.due if by is By.DUE else stake.stop for stake in stakes]
    rules = (Rule.DENSITY,) if len(stakes) > _LARGE else tuple(Rule)
    found = [_Selection(stakes, dues, capacity, busy, now=now, rule=rule).run() for rule in rules]
    kept = max(found, key=lambda places: sum(worth_of(stakes[place]) for place in places))
    return frozenset(stakes[place].block.server for place in kept)


class _Lane:
    """Something that serves one run after the other: a slot, or a budget of bandwidth."""

    def __init__(self, free: int) -> None:
        self.free = free
        #: Runs in it, a heap: those worth least for their time first.
        self.held: list[tuple[tuple[float, ...], int]] = []

    def append(self, ready: int, share: int, entry: tuple[tuple[float, ...], int]) -> None:
        """A run follows those that are in it. Across a gap none of them would leave it more."""
        if ready > self.free:
            self.free = ready
            self.held.clear()
        self.free += share
        heappush(self.held, entry)


class _Selection:
    def __init__(
        self,
        stakes: Sequence[Stake],
        dues: Sequence[int],
        capacity: Capacity,
        busy: Sequence[Block],
        *,
        now: int,
        rule: Rule,
    ) -> None:
        self._rule = rule
        self._stakes = stakes
        self._dues = dues
        self._capacity = capacity
        self._now = now
        slots = _free_slots(capacity.slots, len(stakes), busy, now)
        self._slots = [_Lane(free) for free in slots]
        self._order = sorted((lane.free, place) for place, lane in enumerate(self._slots))
        self._all = None if capacity.bandwidth is None else _used(capacity.bandwidth, busy, now)
        self._stores = {
            name: _used(budget, [block for block in busy if block.store == name], now)
            for name, budget in capacity.stores.items()
        }
        self._budgeted = self._all is not None or bool(self._stores)
        self._kept: dict[int, int] = {}

    def run(self) -> Collection[int]:
        """Take one after the other; the places of those that are kept."""
        for place in range(len(self._stakes)):
            self._take(place)
        return self._kept

    def _take(self, place: int) -> None:
        stake = self._stakes[place]
        block, latest = stake.block, self._dues[place] - stake.block.length
        if max(self._now, stake.early) > latest:
            return
        left: list[tuple[int, int]] = []
        shares = self._shares(block) if self._budgeted else ()
        due = self._dues[place]
        cleared = not shares or all(
            self._clear(lane, due - share, stake, left) for lane, share in shares
        )
        slot = self._slot_for(stake, latest, left) if cleared else None
        if slot is None:
            for other, before in reversed(left):
                self._restore(other, before)
            return
        entry = (stake.density, place)
        for lane, share in shares:
            lane.append(stake.early, share, entry)
        free = self._slots[slot].free
        self._slots[slot].append(stake.early, block.length, entry)
        self._reorder(slot, free)
        self._kept[place] = slot

    def _clear(self, lane: _Lane, latest: int, stake: Stake, left: list[tuple[int, int]]) -> bool:
        """Whether a budget has room for it, once runs that are worth less have left."""
        while max(lane.free, stake.early) > latest:
            weakest = self._weakest(lane)
            if weakest is None or not self._gives_way(weakest, stake, self._worth(_places(left))):
                return False
            left.append((weakest, self._drop(weakest)))
        return True

    def _weakest(self, lane: _Lane) -> int | None:
        while lane.held and lane.held[0][1] not in self._kept:
            heappop(lane.held)
        return lane.held[0][1] if lane.held else None

    def _slot_for(self, stake: Stake, latest: int, left: list[tuple[int, int]]) -> int | None:
        """The slot that is free first, or one that runs leave which are worth less."""
        if self._order[0][0] <= latest:
            return self._order[0][1]
        gone = self._worth(_places(left))
        found, leaving, least = None, [], 0
        for free, slot in self._order[:_SLOTS_LOOKED_AT]:
            those = self._who_leaves(self._slots[slot], free - latest, stake, gone)
            if those and (found is None or self._worth(those) < least):
                found, leaving, least = slot, those, self._worth(those)
        left.extend((each, self._drop(each)) for each in leaving)
        return found

    def _who_leaves(self, lane: _Lane, needed: int, stake: Stake, gone: int) -> list[int]:
        """Runs that would free a slot for so long and give way to this one; or none."""
        popped, leaving = [], []
        while needed > 0 and lane.held:
            entry = heappop(lane.held)
            place = entry[1]
            if place not in self._kept or place in leaving:
                continue
            popped.append(entry)
            if not self._gives_way(place, stake, gone):
                break
            leaving.append(place)
            gone += worth_of(self._stakes[place])
            needed -= self._stakes[place].block.length
        for entry in popped:
            heappush(lane.held, entry)
        return leaving if needed <= 0 else []

    def _gives_way(self, place: int, stake: Stake, gone: int) -> bool:
        """Whether a run that is kept leaves for this one, others worth so much having left."""
        other = self._stakes[place]
        if self._rule is Rule.DENSITY:
            return other.density < stake.density
        return gone + worth_of(other) < worth_of(stake)

    def _worth(self, places: Iterable[int]) -> int:
        return sum(worth_of(self._stakes[place]) for place in places)

    def _drop(self, place: int) -> int:
        """Take a run out again; says which slot it had."""
        slot = self._kept.pop(place)
        self._move(place, slot, -1)
        return slot

    def _restore(self, place: int, slot: int) -> None:
        entry = (self._stakes[place].density, place)
        self._kept[place] = slot
        self._move(place, slot, 1)
        for lane in (self._slots[slot], *(each for each, _ in self._shares_of(place))):
            heappush(lane.held, entry)

    def _move(self, place: int, slot: int, sign: int) -> None:
        for lane, share in self._shares_of(place):
            lane.free += sign * share
        lane, before = self._slots[slot], self._slots[slot].free
        lane.free += sign * self._stakes[place].block.length
        self._reorder(slot, before)

    def _reorder(self, slot: int, before: int) -> None:
        del self._order[bisect_left(self._order, (before, slot))]
        insort(self._order, (self._slots[slot].free, slot))

    def _shares_of(self, place: int) -> list[tuple[_Lane, int]]:
        return self._shares(self._stakes[place].block)

    def _shares(self, block: Block) -> list[tuple[_Lane, int]]:
        """The budgets it draws on, and for how long it would take the whole of each."""
        shares = []
        for lane, budget in (
            (self._all, self._capacity.bandwidth),
            (self._stores.get(block.store), self._capacity.stores.get(block.store)),
        ):
            if lane is not None and budget is not None:
                shares.append((lane, _share(block, budget)))
        return shares


def _places(left: Iterable[tuple[int, int]]) -> list[int]:
    return [place for place, _ in left]


def _share(block: Block, budget: int) -> int:
    return block.length * min(block.rate, budget) // max(1, budget)


def _free_slots(slots: int, runs: int, busy: Sequence[Block], now: int) -> list[int]:
    """When each slot is free; no more of them than there is use for."""
    ends = sorted(block.ready + block.length for block in busy)
    slots = min(slots, runs + len(ends))
    return ([now] * slots + ends)[-slots:] if slots else []


def _used(budget: int, busy: Iterable[Block], now: int) -> _Lane:
    return _Lane(now + sum(_share(block, budget) for block in busy))
