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
    """How long a run of this server takes.

    A larger server, a longer gap or a lower limit never shortens the pessimistic end.

    Args:
        outlook: The server; its samples, its measured size and its copy count.
        gap: Since the run whose files this one builds upon; None if it has to move everything.
        quantile: Of past durations, for the pessimistic end; the lucky one takes its mirror.
        assumptions: For what is not known.
        rate_limit: Bytes a second that the run cannot exceed, or None; of tables the lowest. So
            much is reserved at most.
        tables: What limits it where that changes by the time of the day; see `line`.
    """
    line = _Line(limit=rate_limit, tables=tables)
    whole = _estimate_whole(outlook, quantile, assumptions, line)
    deltas = [sample for sample in outlook.samples if sample.gap_seconds is not None]
    known = deltas or outlook.samples
    if gap is None or not known:
        return whole
    return _estimate_delta(known, gap, quantile, assumptions, line=line, whole=whole)


def rate_limit_of(*limits: int | None) -> int | None:
    """The lowest of the limits that are there, bytes a second."""
    return min((limit for limit in limits if limit is not None), default=None)


def _estimate_delta(
    samples: Sequence[Sample],
    gap: timedelta,
    quantile: float,
    assumptions: Assumptions,
    *,
    line: "_Line",
    whole: Estimate,
) -> Estimate:
    usual = _usual_gap(samples)
    longer = _stretch(usual, gap)
    # More than everything is never moved; but what was seen to take longer, takes longer.
    seen = at_quantile(sorted(sample.seconds for sample in samples), quantile)
    ceiling = max(whole.high.total_seconds(), seen * assumptions.safety)
    samples = _after_usual_gap(samples, usual)
    seconds = sorted(sample.seconds for sample in samples)
    slow, quick = at_quantile(seconds, quantile), mirrored(seconds, quantile)
    if all(sample.gap_seconds is None for sample in samples):
        # Whole copies say nothing of how little there may be to move after one.
        quick = _overhead(assumptions)
    moved = at_quantile(sorted(sample.new_bytes for sample in samples), quantile) * longer
    pessimistic = max(slow * longer, line.longest(moved, None), _overhead(assumptions))
    high = _span(min(pessimistic * assumptions.safety, ceiling))
    transfer = max(1.0, slow - max(sample.verify_seconds for sample in samples))
    return Estimate(
        low=min(high, _span(quick)),
        high=high,
        basis=Basis.HISTORY,
        rate=_capped(moved / (transfer * longer), line.limit),
    )


def _estimate_whole(
    outlook: Outlook, quantile: float, assumptions: Assumptions, line: "_Line"
) -> Estimate:
    size, basis = _size(outlook, assumptions)
    rates = sorted((_rate(sample) for sample in outlook.samples if _is_whole(sample)), reverse=True)
    slow = at_quantile(rates, quantile) if rates else assumptions.rate
    quick = rates[0] if rates else assumptions.rate * _LUCK
    proofs = sorted(sample.verify_seconds for sample in outlook.samples) or [0.0]
    overhead = _overhead(assumptions)
    high = _span(
        (overhead + line.longest(size, slow) + at_quantile(proofs, quantile)) * assumptions.safety
    )
    low = _span(line.quickest(size, quick) + mirrored(proofs, quantile))
    return Estimate(low=min(low, high), high=high, basis=basis, rate=_capped(slow, line.limit))


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


def _usual_gap(samples: Sequence[Sample]) -> float:
    """Seconds; zero where nothing is known of any."""
    gaps = [sample.gap_seconds for sample in samples if sample.gap_seconds is not None]
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
    if all(each.gap_seconds is None or each.gap_seconds <= usual for each in samples):
        return samples
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


def _overhead(assumptions: Assumptions) -> float:
    return assumptions.overhead.total_seconds()


def _capped(rate: float, limit: int | None) -> int:
    """A rate to reserve: whole bytes a second, at least one."""
    whole = max(1, int(rate))
    return whole if limit is None else max(1, min(whole, limit))


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST))
