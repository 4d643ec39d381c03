"""Memory and growth as text."""

import statistics
from collections.abc import Callable, Sequence

from tests.benchmarks.capture import goals
from tests.benchmarks.capture.contestants import Step
from tests.benchmarks.capture.markdown import bars, fenced, megabytes, ratio, source, table, verdict
from tests.benchmarks.capture.measure import Cost
from tests.benchmarks.capture.record import Report, Size
from tests.benchmarks.capture.sizes import MEMORY_TIMES, NOTHING

_MILLION, _BILLION = 1e6, 1e9
_FIGURES: dict[str, Callable[[Cost], float]] = {
    "seconds": lambda cost: cost.seconds,
    "CPU seconds": lambda cost: cost.processor,
}
_GROWTH_LEGEND = (
    "A run with a single file takes {0.seconds:.2f} s and {0.processor:.2f} CPU s; that is taken"
    " off before anything is divided. CPU is that of our program and of all that it starts. Level"
    " bars: the cost grows as the data does, and no faster."
)


def memory_lines(report: Report) -> list[str]:
    """Peaks at every size, and whether they are flat."""
    sizes = sorted(report.sizes, key=_order)
    if not sizes:
        return []
    rows = [
        (
            f"{size.tree}, {size.step.value}",
            *(f"{size.times:g}x", f"{size.files:,}", megabytes(size.bytes)),
            *(megabytes(each) for each in (size.peak.everything, size.peak.own, size.peak.theirs)),
            "reached" if size.peak.everything < goals.MEMORY else "MISSED",
        )
        for size in sizes
    ]
    headings = ("", "size", "files", "MB", "peak MB", "own", "rsync, ssh", "< 300 MB")
    flat = [f"- {line}" for tree in _trees(sizes) for line in _flatness(sizes, tree)]
    legend = (
        "All our processes together, rsync and ssh included, at the moment when it was most; pages"
        " that several share are counted once. Looked at every 100 ms."
    )
    origins = _sources(sizes)
    return ["## Memory", "", legend, "", *table(headings, rows), "", *flat, "", *origins, ""]


def growth_lines(report: Report) -> list[str]:
    """What a file and what a byte costs, by size, and what a straight line says."""
    base = next((each for each in report.sizes if _is_base(each)), None)
    firsts = [each for each in report.sizes if each.step is Step.FIRST and each.tree != NOTHING]
    if base is None or not firsts:
        return []
    found = [
        "## Growth",
        "",
        _GROWTH_LEGEND.format(base.cost),
        "",
    ]
    for tree in _trees(firsts):
        points = sorted((each for each in firsts if each.tree == tree), key=lambda it: it.times)
        found += _curve(points, base)
    return [*found, *_sources(firsts), ""]


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Begin and rise of the straight line that is nearest; of one point, through nothing."""
    if len(points) < 2:
        ((amount, figure),) = points
        return 0.0, figure / amount
    fitted = statistics.linear_regression(*zip(*points, strict=True))
    return fitted.intercept, fitted.slope


def _curve(points: Sequence[Size], base: Size) -> list[str]:
    by_files = points[0].files != points[-1].files
    amount: Callable[[Size], int] = (lambda it: it.files) if by_files else (lambda it: it.bytes)
    what, unit, scale = ("file", "µs", _MILLION) if by_files else ("byte", "ns", _BILLION)
    found = [f"### {points[0].tree[0].upper()}{points[0].tree[1:]}, by {what}", ""]
    for title, figure in _FIGURES.items():
        rows = []
        for each in points:
            cost = max(0.0, figure(each.cost) - figure(base.cost)) / amount(each)
            rows.append((f"{amount(each):,} {what}s", cost, f"{cost * scale:.2f} {unit}"))
        begin, rise = slope([(amount(each), figure(each.cost)) for each in points])
        fit = f"fitted: {begin:.2f} s + {rise * scale:.2f} {unit} a {what}"
        found += [*fenced((f"{title}, by {what}", *bars(rows), fit)), ""]
    return [*found, *_growth_words(points, base, amount), ""]


def _growth_words(points: Sequence[Size], base: Size, amount: Callable[[Size], int]) -> list[str]:
    """How much dearer the last file or byte is than the first."""
    first, last = points[0], points[-1]
    told = [
        f"{ratio((figure(last.cost) - figure(base.cost)) / less)} times the {name}"
        for name, figure in _FIGURES.items()
        if (less := figure(first.cost) - figure(base.cost)) > 0
    ]
    if first is last or not told:
        return []
    return [f"{amount(last) / amount(first):.2f} times as much takes {' and '.join(told)}."]


def _flatness(sizes: Sequence[Size], tree: str) -> list[str]:
    found = []
    for step in Step:
        peaks = {
            each.times: each.peak.everything
            for each in sizes
            if each.tree == tree and each.step is step
        }
        once, more = (peaks.get(times) for times in MEMORY_TIMES)
        if once and more:
            share = more / once
            found.append(
                f"{tree}, {step.value}: {MEMORY_TIMES[1]:g} times the data takes"
                f" {ratio(share)} of the memory; flat: {verdict(share, goals.FLAT)}."
            )
    return found


def _sources(sizes: Sequence[Size]) -> list[str]:
    return list(dict.fromkeys(source(each.origin) for each in sizes))


def _is_base(size: Size) -> bool:
    return size.tree == NOTHING and size.step is Step.FIRST


def _order(size: Size) -> tuple[str, int, float]:
    return size.tree if size.tree != NOTHING else "", tuple(Step).index(size.step), size.times


def _trees(sizes: Sequence[Size]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.tree for each in sizes if each.tree != NOTHING))
