"""What a line carries whose rate changes by the time of the day. Pure.

Times are seconds on a clock of which every day is alike; the hour that a zone's clocks gain or
lose twice a year is left to the estimates' safety.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import time
from itertools import accumulate, pairwise
from typing import Final

from daemon.domain.bandwidth import Stretch

_DAY: Final = 86_400.0


class Carriage:
    """A line on every day.

    Args:
        stretches: Each table that limits it; all hold at once. A table may be empty.
        most: Bytes a second that it carries where no table says less; over 0.
    """

    def __init__(self, stretches: Iterable[tuple[Stretch, ...]], most: float) -> None:
        tables = [table for table in stretches if table]
        begins = {0.0, *(_seconds(each.begin) for table in tables for each in table)}
        #: When each rate begins, and the end of the day.
        self._edges = [*sorted(begins), _DAY]
        self._rates = [_lowest(tables, begin, most) for begin in self._edges[:-1]]
        lengths = (later - earlier for earlier, later in pairwise(self._edges))
        parts = (length * rate for length, rate in zip(lengths, self._rates, strict=True))
        #: Bytes from the beginning of the day to each edge.
        self._sums = [0.0, *accumulate(parts)]

    @property
    def fastest(self) -> float:
        """Bytes a second at the best time of the day."""
        return max(self._rates)

    def carried(self, begin: float, end: float) -> float:
        """Bytes from one moment to another."""
        return self._until(end) - self._until(begin)

    def end_of(self, size: float, begin: float) -> float:
        """When so many bytes are through that begin then."""
        return self._reached(self._until(begin) + size)

    def begin_of(self, size: float, end: float) -> float:
        """The latest that so many bytes may begin to be through by then."""
        return self._reached(self._until(end) - size)

    def longest(self, size: float) -> float:
        """Seconds that so many bytes take at the worst time to begin.

        That either begins or ends where a rate does: in between, moving it makes no difference,
        or makes it worse one way.
        """
        begun = (self.end_of(size, edge) - edge for edge in self._edges)
        ended = (edge - self.begin_of(size, edge) for edge in self._edges)
        return max(0.0, *begun, *ended)

    def _until(self, moment: float) -> float:
        days, rest = divmod(moment, _DAY)
        # A rest may be rounded up to the whole day.
        place = min(bisect_right(self._edges, rest), len(self._rates)) - 1
        within = self._rates[place] * (rest - self._edges[place])
        return days * self._sums[-1] + self._sums[place] + within

    def _reached(self, total: float) -> float:
        days, rest = divmod(total, self._sums[-1])
        place = min(bisect_right(self._sums, rest), len(self._rates)) - 1
        return days * _DAY + self._edges[place] + (rest - self._sums[place]) / self._rates[place]


def _lowest(tables: list[tuple[Stretch, ...]], moment: float, most: float) -> float:
    limits = (_rate_at(table, moment) for table in tables)
    return min((most, *(limit for limit in limits if limit is not None)))


def _rate_at(table: tuple[Stretch, ...], moment: float) -> int | None:
    begun = [each for each in table if _seconds(each.begin) <= moment]
    return (begun or table)[-1].rate


def _seconds(at: time) -> float:
    return at.hour * 3600.0 + at.minute * 60.0 + at.second + at.microsecond / 1e6
