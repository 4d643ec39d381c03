"""Medians and ratios, for people and as JSON."""

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.capture.contest import Case, Results
from tests.benchmarks.capture.contestants import Rsync, RsyncThenRestic
from tests.benchmarks.capture.measure import Cost
from tests.benchmarks.capture.ours import Lapseguard

_OURS, _RIVAL, _FLOOR = Lapseguard.name, RsyncThenRestic.name, Rsync.name

#: By letter: what the ratio of ours to rsync + restic, and to rsync alone, is to stay below.
_GOALS = {
    "a": (0.75, None),
    "b": (0.60, None),
    "c": (0.70, None),
    "d": (0.70, None),
    "e": (0.65, 1.08),
}
_STORED_GOAL = 1.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contestant in one case; medians, and ratios of medians.

    Attributes:
        contestant: Its name.
        rounds: How often it was measured.
        seconds, least, most: On the wall.
        processor, far: See `Cost`.
        peak: MiB of the largest process.
        to_rival: Wall time over that of rsync + restic; None where that did not run.
        to_floor: Likewise over rsync alone.
        processor_to_rival: Processor time over that of rsync + restic.
        stored: Bytes in the store; None where nothing is stored.
        stored_to_rival: Over restic's.
    """

    contestant: str
    rounds: int
    seconds: float
    least: float
    most: float
    processor: float
    far: float
    peak: float
    to_rival: float | None
    to_floor: float | None
    processor_to_rival: float | None
    stored: int | None
    stored_to_rival: float | None


def rows(results: Results, case: Case) -> list[Row]:
    """All contestants of a case, in the order they were entered first."""
    costs, stored = results.costs[case], results.stored[case]
    found = []
    for name, its in costs.items():
        walls = [cost.seconds for cost in its]
        mine = stored.get(name)
        found.append(
            Row(
                contestant=name,
                rounds=len(its),
                seconds=statistics.median(walls),
                least=min(walls),
                most=max(walls),
                processor=_median(its, lambda cost: cost.processor),
                far=_median(its, lambda cost: cost.far),
                peak=_median(its, lambda cost: cost.peak),
                to_rival=_ratio(its, costs.get(_RIVAL), lambda cost: cost.seconds),
                to_floor=_ratio(its, costs.get(_FLOOR), lambda cost: cost.seconds),
                processor_to_rival=_ratio(its, costs.get(_RIVAL), lambda cost: cost.processor),
                stored=mine,
                stored_to_rival=mine / stored[_RIVAL] if mine and stored.get(_RIVAL) else None,
            )
        )
    return found


def print_tables(results: Results, console: Console) -> None:
    """One table a case, the notes below."""
    for case in results.costs:
        console.print(_table(case, rows(results, case)))
    for note in results.notes:
        console.print(f"· {note}")


def write_json(results: Results, path: Path, more: dict[str, object]) -> None:
    """Everything that was measured, singly and as the tables have it."""
    cases = [
        {
            "case": case.letter,
            "tree": case.tree,
            "step": case.step.value,
            "line": case.line,
            "rows": [_document(row) for row in rows(results, case)],
            "seconds": {
                name: [cost.seconds for cost in costs]
                for name, costs in results.costs[case].items()
            },
        }
        for case in results.costs
    ]
    document = {"cases": cases, "notes": results.notes, **more}
    path.write_text(json.dumps(document, indent=2, default=str) + "\n")


def _table(case: Case, found: list[Row]) -> Table:
    table = Table(title=str(case), title_justify="left", caption=_verdict(case, found))
    table.caption_justify = "left"
    table.add_column("")
    for heading in (
        *("seconds", "least-most", "to rsync+restic", "to rsync", "CPU s", "CPU ratio"),
        *("far CPU s", "peak MiB", "stored MB", "to restic's"),
    ):
        table.add_column(heading, justify="right")
    for row in found:
        table.add_row(
            *(row.contestant, f"{row.seconds:.2f}", f"{row.least:.2f}-{row.most:.2f}"),
            *(_shown(row.to_rival), _shown(row.to_floor)),
            *(f"{row.processor:.2f}", _shown(row.processor_to_rival), f"{row.far:.2f}"),
            f"{row.peak:.0f}",
            *(
                "-" if row.stored is None else f"{row.stored / 1e6:.1f}",
                _shown(row.stored_to_rival),
            ),
            style="bold" if row.contestant == _OURS else None,
        )
    return table


def _verdict(case: Case, found: list[Row]) -> str:
    """What the goals say of ours."""
    ours = next((row for row in found if row.contestant == _OURS), None)
    if ours is None:
        return ""
    to_rival, to_floor = _GOALS[case.letter]
    return "   ".join(
        f"{what} {ratio:.2f}, goal ≤ {goal:.2f}: {'reached' if ratio <= goal else 'MISSED'}"
        for what, ratio, goal in (
            ("to rsync+restic", ours.to_rival, to_rival),
            ("to rsync", ours.to_floor, to_floor),
            ("stored", ours.stored_to_rival, _STORED_GOAL),
        )
        if ratio is not None and goal is not None
    )


def _document(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in Row.__slots__}


def _median(costs: list[Cost], figure: Callable[[Cost], float]) -> float:
    return statistics.median(figure(cost) for cost in costs)


def _ratio(
    costs: list[Cost], others: list[Cost] | None, figure: Callable[[Cost], float]
) -> float | None:
    return _median(costs, figure) / _median(others, figure) if others else None


def _shown(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
