"""Which runs keep their place where not everything can be saved in time.

As much declared value as possible is to be saved before the stops, and of that as much as possible
before the margins. A server without any verified copy comes before all that have one: it has
everything to lose. This is Moore and Hodgson's rule, weighted and for several slots: runs are taken
in the order of their starts; when one would be late, those that are worth least for the time they
take make room for it, unless together they are worth more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from daemon.domain.schedule import Block, Capacity, lay_out
from daemon.domain.selection import By, Stake, select, worth_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Who keeps a place.

    Attributes:
        starts: When the runs start that keep theirs, by server.
        given_up: Servers whose run keeps none, what is worth most for its time first. It takes
            whatever room is left: late is better than never.
        triaged: Whether not everything fits that would fit by itself.
    """

    starts: Mapping[str, int]
    given_up: tuple[str, ...] = ()
    triaged: bool = False


def settle(
    stakes: Sequence[Stake], capacity: Capacity, busy: Sequence[Block], now: int
) -> Settlement:
    """Lay out runs that have to happen; where not all fit, those that are worth most.

    Nothing of it is worth less than the plain order of deadlines.

    Args:
        stakes: In any order; the rank of each block is its place by deadline.
        capacity: What they share.
        busy: Runs under way.
        now: The present.
    """
    plain = lay_out((stake.block for stake in stakes), capacity, busy)
    if all(_is_as_good_as_alone(each, _end(each, plain), now) for each in stakes):
        return Settlement(starts=plain)
    return _Overload(stakes, capacity, busy, plain=plain, now=now).settle()


def _is_as_good_as_alone(stake: Stake, end: int, now: int) -> bool:
    """Whether it saves what it could save if nothing else had to run."""
    if end <= stake.due:
        return True
    alone = max(now, stake.early) + stake.block.length
    return alone > stake.due and (end <= stake.stop or alone > stake.stop)


def _end(stake: Stake, starts: Mapping[str, int]) -> int:
    return starts[stake.block.server] + stake.block.length


def value_saved(stakes: Iterable[Stake], starts: Mapping[str, int]) -> tuple[int, int]:
    """What a layout is worth: what it saves before the stops, and before the deadlines."""
    saved = timely = 0
    for stake in stakes:
        start = starts.get(stake.block.server)
        if start is None:
            continue
        end = start + stake.block.length
        in_time, before_stop = end <= stake.due, end <= stake.stop
        if in_time or before_stop:
            worth = worth_of(stake)
            saved += worth if before_stop else 0
            timely += worth if in_time else 0
    return saved, timely


class _Overload:
    def __init__(
        self,
        stakes: Sequence[Stake],
        capacity: Capacity,
        busy: Sequence[Block],
        *,
        plain: Mapping[str, int],
        now: int,
    ) -> None:
        self._stakes = sorted(
            stakes, key=lambda stake: (plain[stake.block.server], stake.block.rank)
        )
        self._capacity = capacity
        self._busy = busy
        self._plain = plain
        self._now = now

    def settle(self) -> Settlement:
        """The best of four layouts; the plain one if no other is better.

        Somebody begins before it is called for only where that saves more.
        """
        kept = self._select(self._stakes, By.STOP)
        saved = [each for each in self._stakes if each.block.server in kept]
        timely = self._select(saved, By.DUE)
        best, worth = self._plain, value_saved(self._stakes, self._plain)
        for layout in (
            self._margins_last(saved, timely, lambda each: each.called),
            self._by_deadline(saved),
            self._margins_last(saved, timely, lambda each: each.early),
        ):
            other = value_saved(saved, layout)
            if other > worth:
                best, worth = layout, other
        return self._settlement(best)

    def _select(self, stakes: Sequence[Stake], by: By) -> frozenset[str]:
        return select(stakes, self._capacity, self._busy, self._now, by=by)

    def _margins_last(
        self, saved: Sequence[Stake], timely: frozenset[str], ready: Callable[[Stake], int]
    ) -> dict[str, int]:
        """Those that cannot keep their margin have until the stop; the others do not wait."""
        in_order = sorted(
            saved,
            key=lambda each: (
                each.due if each.block.server in timely else each.stop,
                each.block.rank,
            ),
        )
        blocks = [_block_from(ready(each), each, rank) for rank, each in enumerate(in_order)]
        return lay_out(blocks, self._capacity, self._busy)

    def _by_deadline(self, saved: Sequence[Stake]) -> dict[str, int]:
        return lay_out((each.block for each in saved), self._capacity, self._busy)

    def _settlement(self, starts: Mapping[str, int]) -> Settlement:
        """Without those that a stop would cut off: they take no time from others."""
        lost = [each for each in self._stakes if each.block.server not in starts]
        return Settlement(starts=starts, given_up=_in_turn(lost, self._now), triaged=True)


def _block_from(ready: int, stake: Stake, rank: int) -> Block:
    """The run as it would be if it could begin from that moment on."""
    block = stake.block
    return Block(
        rank=rank,
        server=block.server,
        ready=ready,
        length=block.length,
        rate=block.rate,
        store=block.store,
    )


def _in_turn(stakes: Iterable[Stake], now: int) -> tuple[str, ...]:
    """Those that could still be in time by themselves first; then by worth for the time taken."""

    def turn(stake: Stake) -> tuple[bool, tuple[float, ...], int]:
        hopeless = max(now, stake.early) + stake.block.length > stake.stop
        return hopeless, tuple(-part for part in stake.density), stake.block.rank

    return tuple(each.block.server for each in sorted(stakes, key=turn))
