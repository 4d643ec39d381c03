"""How long bytes take over a server's line, whose limits may change by the time of the day.

A plan lays runs of a fixed length on a time line, and moves them. So a length has to hold at
whatever hour the run is put: it is that at the worst hour to begin. For a run that takes a day
that is the mean of the day; for a short one it is the slowest hours, which it may well meet.
"""

from datetime import time
from functools import lru_cache

from daemon.domain.bandwidth import Stretch
from daemon.domain.carriage import Carriage
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Limits

#: All that limits a line, each by the time of the day; none where nothing changes with that.
Tables = tuple[tuple[Stretch, ...], ...]

#: Where there is no limit at some hours: nothing takes any time then.
_NO_LIMIT = 1e15


def tables_of(outlook: Outlook, limits: Limits) -> Tables:
    """What limits a run of this server; those that are one number are among them as well."""
    rates = (outlook.rates, limits.rates, limits.store_rates.get(outlook.store, ()))
    if not any(rates):
        return ()
    constant = (outlook.bandwidth, limits.bandwidth, limits.stores.get(outlook.store))
    return tuple(
        table or (Stretch(begin=time(), rate=number),)
        for table, number in zip(rates, constant, strict=True)
        if table or number is not None
    )


def longest_transfer(size: float, rate: float | None, tables: Tables) -> float:
    """Seconds that so many bytes take at the worst hour, at this rate at most."""
    return _carriage(tables, _whole(rate or _NO_LIMIT)).longest(size)


def quickest_transfer(size: float, rate: float, tables: Tables) -> float:
    """Seconds that they take at the best hour, at this rate at most."""
    return size / _carriage(tables, _whole(rate)).fastest


def _whole(rate: float) -> int:
    """As estimates without tables have it."""
    return max(1, int(rate))


@lru_cache(maxsize=4096)
def _carriage(tables: Tables, most: int) -> Carriage:
    return Carriage(tables, most)
