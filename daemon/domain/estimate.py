"""How long a run takes: from the server's own runs, its size, or assumptions, in this order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import median
from typing import Final

from daemon.domain.line import Tables, longest_transfer, quickest_transfer
from daemon.domain.outlook import Outlook, Sample
from daemon.domain.plan import Assumptions, Basis, Estimate

#: A run that moved at least this part of the server's files tells how fast everything moves.
_WHOLE_ENOUGH: Final = 0.5
#: How much faster than assumed a lucky run is where there is no history.
_LUCK: Final = 4
#: Longer estimates say nothing; ten years in seconds.
_LONGEST: Final = 3.15e8


def estimate_run(
    outlook: Outlook,
    gap: timedelta | None,
    quantile: float,
    assumptions: Assumptions,
    rate_limit: int | None,
    *,
    tables: Tables = (),
) -> Estimate:
    """How long a run of this server takes; see `Pace`.

    Args:
        outlook: The server.
        gap: See `Pace.estimate`.
        quantile: Of past durations, for the pessimistic end; the lucky one takes its mirror.
        assumptions: For what is not known.
        rate_limit: Bytes a second that the run cannot exceed, or None; of tables the lowest. So
            much is reserved at most.
        tables: What limits it where that changes by the time of the day; see `line`.
    """
    return Pace(outlook, quantile, assumptions, rate_limit, tables=tables).estimate(gap)


def rate_limit_of(*limits: int | None) -> int | None:
    """The lowest of the limits that are there, bytes a second."""
    return min([limit for limit in limits if limit is not None], default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """What a server's own runs took, those after a long gap as if it had been the usual one.

    Attributes:
        usual: Seconds from run to run; zero where nothing is known of any.
        seen: Seconds of a slow one as it was.
        slow: Seconds of a slow one.
        quick: Seconds of a quick one.
        moved: Bytes of a large one.
        verify: Seconds of the longest verification.
    """

    usual: float
    seen: float
    slow: float
    quick: float
    moved: int
    verify: float


class Pace:
    """How quickly one server is saved: from its samples, its measured size, its copy.

    A larger server, a longer gap or a lower limit never shortens the pessimistic end.
    """

    def __init__(
        self,
        outlook: Outlook,
        quantile: float,
        assumptions: Assumptions,
        rate_limit: int | None,
        *,
        tables: Tables = (),
    ) -> None:
        """Prepare.

        Args:
            outlook: The server.
            quantile: See `estimate_run`, as of all that follows.
            assumptions: For what is not known.
            rate_limit: Bytes a second, or None.
            tables: The same by the time of the day.
        """
        deltas = [sample for sample in outlook.samples if sample.gap_seconds is not None]
        self._known = deltas or outlook.samples
        self._outlook = outlook
        self._quantile = quantile
        self._assumptions = assumptions
        self._line = _Line(limit=rate_limit, tables=tables)
        self._history: _History | None = None

    def estimate(self, gap: timedelta | None) -> Estimate:
        """How long a run takes.

        Args:
            gap: Since the run whose files this one builds upon; None if it has to move everything.
        """
        if gap is None or not self._known:
            return _estimate_whole(self._outlook, self._quantile, self._assumptions, self._line)
        if self._history is None:
            quick = self._assumptions.overhead.total_seconds()
            self._history = _look_back(self._known, self._quantile, quick)
        return self._after(gap, self._history)

    def _after(self, gap: timedelta, history: _History) -> Estimate:
        safety, longer = self._assumptions.safety, _stretch(history.usual, gap)
        moved = history.moved * longer
        overhead = self._assumptions.overhead.total_seconds()
        pessimistic = max(history.slow * longer, self._line.longest(moved, None), overhead) * safety
        # More than everything is never moved; but what was seen to take longer, takes longer.
        if pessimistic > history.seen * safety:
            whole = _whole_at_worst(self._outlook, self._quantile, self._assumptions, self._line)
            pessimistic = min(pessimistic, max(whole.total_seconds(), history.seen * safety))
        high = _span(pessimistic)
        transfer = max(1.0, history.slow - history.verify)
        return Estimate(
            low=min(high, _span(history.quick)),
            high=high,
            basis=Basis.HISTORY,
            rate=_capped(moved / (transfer * longer), self._line.limit),
        )


def _look_back(samples: Sequence[Sample], quantile: float, overhead: float) -> _History:
    gaps = [sample.gap_seconds for sample in samples if sample.gap_seconds is not None]
    usual, place = _usual_gap(gaps), _place(len(samples), quantile)
    seconds = sorted([sample.seconds for sample in samples])
    seen = seconds[place]
    if gaps and max(gaps) > usual:
        samples = _after_usual_gap(samples, usual)
        seconds = sorted([sample.seconds for sample in samples])
    return _History(
        usual=usual,
        seen=seen,
        slow=seconds[place],
        # Whole copies say nothing of how little there may be to move after one.
        quick=seconds[len(seconds) - 1 - place] if gaps else overhead,
        moved=sorted([sample.new_bytes for sample in samples])[place],
        verify=max([sample.verify_seconds for sample in samples]),
    )


def _estimate_whole(
    outlook: Outlook, quantile: float, assumptions: Assumptions, line: "_Line"
) -> Estimate:
    size, basis = _size(outlook, assumptions)
    rates = _whole_rates(outlook)
    slow = at_quantile(rates, quantile) if rates else assumptions.rate
    quick = rates[0] if rates else assumptions.rate * _LUCK
    proofs = sorted([sample.verify_seconds for sample in outlook.samples]) or [0.0]
    high = _whole_at_worst(outlook, quantile, assumptions, line)
    low = _span(line.quickest(size, quick) + mirrored(proofs, quantile))
    return Estimate(low=min(low, high), high=high, basis=basis, rate=_capped(slow, line.limit))


def _whole_at_worst(
    outlook: Outlook, quantile: float, assumptions: Assumptions, line: "_Line"
) -> timedelta:
    """How long a slow run takes that moves everything."""
    size, _ = _size(outlook, assumptions)
    rates = _whole_rates(outlook)
    slow = at_quantile(rates, quantile) if rates else assumptions.rate
    proofs = sorted([sample.verify_seconds for sample in outlook.samples]) or [0.0]
    seconds = assumptions.overhead.total_seconds() + line.longest(size, slow)
    return _span((seconds + at_quantile(proofs, quantile)) * assumptions.safety)


def _whole_rates(outlook: Outlook) -> list[float]:
    """Bytes a second of the runs that moved nearly everything, the quickest first."""
    return sorted([_rate(each) for each in outlook.samples if _is_whole(each)], reverse=True)


def at_quantile(ordered: Sequence[float], quantile: float) -> float:
    """The smallest value that at least this part of all does not exceed."""
    return ordered[_place(len(ordered), quantile)]


def mirrored(ordered: Sequence[float], quantile: float) -> float:
    """The same counted from the other end."""
    return ordered[len(ordered) - 1 - _place(len(ordered), quantile)]


def _place(count: int, quantile: float) -> int:
    # The small bit keeps 0.9 of ten values at the ninth, whatever binary fractions make of it.
    return min(count - 1, max(0, math.ceil(count * quantile - 1e-9) - 1))


def _size(outlook: Outlook, assumptions: Assumptions) -> tuple[float, Basis]:
    sizes = [sample.bytes for sample in outlook.samples[-1:]]
    if outlook.measured_bytes is not None:
        sizes.append(outlook.measured_bytes)
    if not sizes:
        return assumptions.size, Basis.ASSUMED
    return max(sizes), Basis.HISTORY if outlook.samples else Basis.MEASURED


def _usual_gap(gaps: Sequence[float]) -> float:
    """Seconds; zero where nothing is known of any."""
    usual = median(gaps) if gaps else 0.0
    # Runs that began within a second of each other say nothing of shorter gaps.
    return max(1.0, usual) if usual > 0 else 0.0


def _stretch(usual: float, gap: timedelta) -> float:
    """How many times the usual gap this one is; at least one."""
    return max(1.0, gap.total_seconds() / usual) if usual > 0 else 1.0


def _after_usual_gap(samples: Sequence[Sample], usual: float) -> Sequence[Sample]:
    """What the runs would have taken after the usual gap, if theirs was longer.

    One run after a week without a daemon does not stand for those of every day. What was moved
    shrinks with the gap; of the time a part does not, so it never becomes less than the usual.
    """
    floor = median(each.seconds for each in samples)
    return [_shorten(each, usual, floor) for each in samples]


def _shorten(sample: Sample, usual: float, floor: float) -> Sample:
    if sample.gap_seconds is None or sample.gap_seconds <= usual or not sample.seconds:
        return sample
    part = usual / sample.gap_seconds
    seconds = max(min(sample.seconds, floor), sample.seconds * part)
    return replace(
        sample,
        seconds=seconds,
        verify_seconds=sample.verify_seconds * (seconds / sample.seconds),
        new_bytes=int(sample.new_bytes * part),
    )


def _is_whole(sample: Sample) -> bool:
    return sample.new_bytes >= sample.bytes * _WHOLE_ENOUGH and sample.new_bytes > 0


def _rate(sample: Sample) -> float:
    return sample.new_bytes / max(1.0, sample.seconds - sample.verify_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What a run cannot exceed; see `estimate_run`."""

    limit: int | None
    tables: Tables

    def longest(self, size: float, rate: float | None) -> float:
        """Seconds that so many bytes take at this rate at most; none where nothing limits it."""
        if self.tables:
            return longest_transfer(size, rate, self.tables)
        if rate is not None:
            return size / _capped(rate, self.limit)
        return 0.0 if self.limit is None else size / max(1, self.limit)

    def quickest(self, size: float, rate: float) -> float:
        """The same at the best hour."""
        if self.tables:
            return quickest_transfer(size, rate, self.tables)
        return size / _capped(rate, self.limit)


def _capped(rate: float, limit: int | None) -> int:
    """A rate to reserve: whole bytes a second, at least one."""
    whole = max(1, int(rate))
    return whole if limit is None else max(1, min(whole, limit))


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST))
