"""Lays runs on a time line so that they share slots and bandwidth. Knows nothing of contracts.

Times are whole microseconds since 1970, so that nothing overflows and mirroring is a minus sign.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final

from daemon.domain.instant import EARLIEST, LATEST

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_FIRST: Final = (EARLIEST - _EPOCH) // _TICK
_LAST: Final = (LATEST - _EPOCH) // _TICK


def to_ticks(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _TICK


def to_instant(ticks: int) -> datetime:
    """The instant so many microseconds after 1970, or the calendar's end beyond it."""
    return _EPOCH + timedelta(microseconds=min(max(ticks, _FIRST), _LAST))


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
        self._ends: list[tuple[int, int, str]] = []
        self._bandwidth = 0
        self._stores: dict[str, int] = dict.fromkeys(capacity.stores, 0)

    @property
    def count(self) -> int:
        """Runs under way."""
        return len(self._ends)

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
        return self._ends[0][0] if self._ends else None

    def begin(self, end: int, block: Block) -> None:
        """A run starts and lasts until `end`."""
        heappush(self._ends, (end, block.rate, block.store))
        self._bandwidth += block.rate
        if block.store in self._stores:
            self._stores[block.store] += block.rate

    def pass_to(self, now: int) -> None:
        """Runs that have ended by `now` make room."""
        while self._ends and self._ends[0][0] <= now:
            _, rate, store = heappop(self._ends)
            self._bandwidth -= rate
            if store in self._stores:
                self._stores[store] -= rate

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
    blocks: Iterable[Block], capacity: Capacity, busy: Iterable[Block] = ()
) -> dict[str, int]:
    """When each block starts: at every moment the first in rank of those that are ready.

    Where bandwidth is short, nobody overtakes: a small run that would fit does not start before
    a large one that was there first, or large ones would starve. Runs to stores that have no
    part in the shortage do go ahead.

    Args:
        blocks: What is to run.
        capacity: What there is.
        busy: Runs under way; they end at `ready + length`.
    """
    occupancy = Occupancy(capacity)
    for block in busy:
        occupancy.begin(block.ready + block.length, block)
    queues = _Queues(capacity)
    starts: dict[str, int] = {}
    pending = sorted(blocks, key=lambda block: block.ready, reverse=True)
    while pending or queues.waiting:
        now = _next_moment(pending, queues, occupancy)
        occupancy.pass_to(now)
        while pending and pending[-1].ready <= now:
            queues.admit(pending.pop())
        while (fitting := queues.next_fitting(occupancy)) is not None:
            starts[fitting.server] = now
            occupancy.begin(now + fitting.length, fitting)
    return starts


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
        heads = sorted((queue[0], name) for name, queue in self._queues.items() if queue)
        for (_, block), name in heads:
            if not occupancy.has_room(block.rate):
                return None
            if occupancy.store_has_room(block.rate, block.store):
                heappop(self._queues[name])
                self.waiting -= 1
                return block
        return None


def _next_moment(pending: Sequence[Block], queues: _Queues, occupancy: Occupancy) -> int:
    moments = [pending[-1].ready] if pending else []
    if queues.waiting and occupancy.next_end is not None:
        moments.append(occupancy.next_end)
    return min(moments)


def mirror(start: int, length: int) -> int:
    """The start of a block on the time line that runs the other way."""
    return -(start + length)
