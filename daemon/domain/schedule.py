"""Lays runs on a time line so that they share slots and bandwidth. Knows nothing of contracts.

Times are whole microseconds since 1970, so that nothing overflows and mirroring is a minus sign.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Final

from daemon.domain.instant import EARLIEST, LATEST

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_FIRST: Final = (EARLIEST - _EPOCH) // _TICK
_LAST: Final = (LATEST - _EPOCH) // _TICK
#: Later than any moment that there is an instant for, whatever is added to one.
NEVER: Final = 1 << 80
#: So many that would run into something ahead are looked at in each moment; time stays bounded.
_LOOK_AHEAD: Final = 32


def to_ticks(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _TICK


def to_instant(ticks: int) -> datetime:
    """The instant so many microseconds after 1970, or the calendar's end beyond it."""
    if not _FIRST <= ticks <= _LAST:
        return EARLIEST if ticks < _FIRST else LATEST
    return _EPOCH + timedelta(microseconds=ticks)


def length_of(span: timedelta) -> int:
    """A length in microseconds."""
    return span // _TICK


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What there is to share.

    Attributes:
        slots: Runs at the same time; at least one.
        bandwidth: Bytes a second of all of them, or None.
        stores: The same for each store that has a limit.
    """

    slots: int
    bandwidth: int | None = None
    stores: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A run on the time line. Blocks are given their turn in the order of `rank`.

    Attributes:
        rank: Sorts blocks that are ready; unique.
        server: Whose run it is.
        ready: Before this it does not start.
        length: How long it takes.
        rate: Bytes a second that it reserves.
        store: Where it writes to.
    """

    rank: int
    server: str
    ready: int
    length: int
    rate: int
    store: str


class Occupancy:
    """What is in use at one moment of the walk along the time line."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        #: End, rate and store of each, in order.
        self.ends: list[tuple[int, int, str]] = []
        self._bandwidth = 0
        self._stores: dict[str, int] = dict.fromkeys(capacity.stores, 0)

    @property
    def count(self) -> int:
        """Runs under way."""
        return len(self.ends)

    @property
    def bandwidth(self) -> int:
        """Bytes a second that are reserved."""
        return self._bandwidth

    def store(self, name: str) -> int:
        """The same of one store with a limit; 0 for others."""
        return self._stores.get(name, 0)

    @property
    def next_end(self) -> int | None:
        """When the next run ends; None if none is under way."""
        return self.ends[0][0] if self.ends else None

    def begin(self, end: int, block: Block) -> None:
        """A run starts and lasts until `end`."""
        insort(self.ends, (end, block.rate, block.store))
        self._bandwidth += block.rate
        if block.store in self._stores:
            self._stores[block.store] += block.rate

    def leaves_room(self, moment: int, block: Block, begun: Sequence[Block]) -> bool:
        """Whether this block fits at a later moment beside those that then still are under way.

        Args:
            moment: When.
            block: What is to fit.
            begun: What begins until then, and lasts beyond it.
        """
        limit, most = self._capacity.bandwidth, self._capacity.stores.get(block.store)
        others = [(rate, store) for end, rate, store in self.ends if end > moment]
        others += [(each.rate, each.store) for each in begun]
        if len(others) >= self._capacity.slots:
            return False
        used = sum(rate for rate, _ in others)
        if limit is not None and used + min(block.rate, limit) > limit:
            return False
        beside = sum(rate for rate, store in others if store == block.store)
        return most is None or beside + min(block.rate, most) <= most

    def pass_to(self, now: int) -> None:
        """Runs that have ended by `now` make room."""
        ended = 0
        for end, rate, store in self.ends:
            if end > now:
                break
            ended += 1
            self._bandwidth -= rate
            if store in self._stores:
                self._stores[store] -= rate
        del self.ends[:ended]

    def has_room(self, rate: int) -> bool:
        """Whether a run at this rate fits into the slots and the bandwidth of all."""
        limit = self._capacity.bandwidth
        if self.count >= self._capacity.slots:
            return False
        return limit is None or self._bandwidth + min(rate, limit) <= limit

    def store_has_room(self, rate: int, store: str) -> bool:
        """Whether it fits into its store's bandwidth."""
        limit = self._capacity.stores.get(store)
        return limit is None or self._stores[store] + min(rate, limit) <= limit


def lay_out(
    blocks: Iterable[Block],
    capacity: Capacity,
    busy: Iterable[Block] = (),
    ahead: Sequence[Block] = (),
) -> dict[str, int]:
    """When each block starts: at every moment the first in rank of those that are ready.

    Where bandwidth is short, nobody overtakes: a small run that would fit does not start before
    a large one that was there first, or large ones would starve. Runs to stores that have no
    part in the shortage do go ahead, and so do those that end before something `ahead` begins
    that a longer one would run into.

    Args:
        blocks: What is to run.
        capacity: What there is.
        busy: Runs under way; they end at `ready + length`.
        ahead: Takes its place at `ready` for its `length`, whatever else there is.
    """
    occupancy = Occupancy(capacity)
    for block in busy:
        occupancy.begin(block.ready + block.length, block)
    pending = sorted(blocks, key=lambda block: block.ready, reverse=True)
    if not ahead and capacity.bandwidth is None and not capacity.stores:
        return _lay_out_slots(pending, occupancy, capacity.slots)
    return _Layout(pending, occupancy, capacity, ahead).run()


def _lay_out_slots(pending: list[Block], occupancy: Occupancy, slots: int) -> dict[str, int]:
    """The same where nothing but slots is shared: most fleets, and many times as quick."""
    ends = [end for end, _, _ in occupancy.ends]
    heapify(ends)
    ready: list[tuple[int, Block]] = []
    starts: dict[str, int] = {}
    while pending or ready:
        now = pending[-1].ready if pending else ends[0]
        if ready and ends:
            now = min(now, ends[0])
        while ends and ends[0] <= now:
            heappop(ends)
        while pending and pending[-1].ready <= now:
            block = pending.pop()
            heappush(ready, (block.rank, block))
        while ready and len(ends) < slots:
            _, block = heappop(ready)
            starts[block.server] = now
            heappush(ends, now + block.length)
    return starts


class _Layout:
    """The walk along the time line."""

    def __init__(
        self,
        pending: list[Block],
        occupancy: Occupancy,
        capacity: Capacity,
        ahead: Sequence[Block],
    ) -> None:
        self._pending = pending
        self._occupancy = occupancy
        self._queues = _Queues(capacity)
        self._ahead = sorted(ahead, key=lambda block: block.ready, reverse=True)
        self._starts: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        pending, queues, occupancy, ahead = (
            self._pending,
            self._queues,
            self._occupancy,
            self._ahead,
        )
        while pending or queues.waiting:
            now = self._next_moment()
            occupancy.pass_to(now)
            while ahead and ahead[-1].ready <= now:
                block = ahead.pop()
                occupancy.begin(block.ready + block.length, block)
            while pending and pending[-1].ready <= now:
                queues.admit(pending.pop())
            self._start_what_fits(now)
        return self._starts

    def _start_what_fits(self, now: int) -> None:
        """Those that would run into something ahead are looked at again at the next moment."""
        hindered: list[Block] = []
        while len(hindered) < _LOOK_AHEAD:
            fitting = self._queues.next_fitting(self._occupancy)
            if fitting is None:
                break
            if self._ahead and not self._stays_clear(now, fitting):
                hindered.append(fitting)
            else:
                self._starts[fitting.server] = now
                self._occupancy.begin(now + fitting.length, fitting)
        for block in hindered:
            self._queues.admit(block)

    def _stays_clear(self, now: int, block: Block) -> bool:
        """Whether there is room for it beside everything that begins before it ends."""
        begun: list[Block] = []
        for coming in reversed(self._ahead):
            if coming.ready >= now + block.length:
                break
            begun.append(coming)
            if not self._occupancy.leaves_room(coming.ready, block, begun):
                return False
        return True

    def _next_moment(self) -> int:
        moments = [self._pending[-1].ready] if self._pending else []
        if self._queues.waiting:
            if self._occupancy.next_end is not None:
                moments.append(self._occupancy.next_end)
            if self._ahead:
                moments.append(self._ahead[-1].ready)
        return min(moments)


class _Queues:
    """Blocks that are ready, by the budget that they share beside the common one."""

    def __init__(self, capacity: Capacity) -> None:
        self._limited = capacity.stores
        self._queues: dict[str, list[tuple[int, Block]]] = {}
        self.waiting = 0

    def admit(self, block: Block) -> None:
        """Takes a block whose time has come."""
        name = block.store if block.store in self._limited else ""
        heappush(self._queues.setdefault(name, []), (block.rank, block))
        self.waiting += 1

    def next_fitting(self, occupancy: Occupancy) -> Block | None:
        """Takes out the first in rank that nothing but its own store holds back."""
        heads = [(queue[0], name) for name, queue in self._queues.items() if queue]
        if len(heads) > 1:
            heads.sort()
        for (_, block), name in heads:
            if not occupancy.has_room(block.rate):
                return None
            if occupancy.store_has_room(block.rate, block.store):
                heappop(self._queues[name])
                self.waiting -= 1
                return block
        return None


def mirror(start: int, length: int) -> int:
    """The start of a block on the time line that runs the other way."""
    return -(start + length)
