"""Tells the figures of a soak: a table for people, the same as JSON for programs."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.tally import PLANNER, Tally

if TYPE_CHECKING:
    from tests.simulation.soak import Soak

#: So many broken rules are told one by one.
TOLD = 40


def comparison(totals: Mapping[str, Tally]) -> str:
    """The ways of saving side by side, as a Markdown table."""
    rows: list[tuple[str, str]] = [
        ("stops on record", "{0.stops}"),
        ("of these feasible for certain", "{0.feasible}"),
        ("feasible ones missed", "{0.missed}"),
        ("miss rate", "{rate:.2%}"),
        ("contended ones: not all could be met", "{0.contended}"),
        ("declared value of contended ones that were met", "{0.value_kept:.1%}"),
        ("stops without any copy", "{0.bare}"),
        ("age of the data at the stop, median, hours", "{half:.1f}"),
        ("the same, 90 % are younger than", "{ninety:.1f}"),
        ("the same, 99 % are younger than", "{most:.1f}"),
        ("runs", "{0.runs}"),
        ("of these broken off", "{0.broken}"),
    ]
    lines = ["| | " + " | ".join(totals) + " |", "|---" * (len(totals) + 1) + "|"]
    for what, form in rows:
        cells = [
            form.format(
                each,
                rate=each.miss_rate,
                half=each.age(0.5),
                ninety=each.age(0.9),
                most=each.age(0.99),
            )
            for each in totals.values()
        ]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tell(soak: "Soak") -> str:
    """The report as Markdown."""
    ours = soak.ours
    ended = "" if soak.is_done else f" of the {soak.wanted:,.0f} that are wanted, so far"
    pace = ours.server_years / ours.seconds if ours.seconds else 0.0
    played = (
        f"{ours.server_years:,.0f} server-years{ended}, in {ours.worlds:,} worlds, seeds "
        f"`{soak.seed}-0` to `{soak.seed}-{ours.worlds - 1}`; {ours.sweeps:,} sweeps, "
        f"{ours.runs:,} runs; {ours.refused:,} stale writes refused, {ours.paused:,} runs paused "
        f"for more urgent ones; {pace:.0f} server-years a second of one core's time."
    )
    beside = soak.compared[PLANNER].server_years
    return "\n".join(
        [
            "# Soak of the planner",
            "",
            f"`{' '.join(['python -m tests.simulation.soak', *sys.argv[1:]])}` at {_commit()}.",
            "",
            played,
            f"Feasible stops missed: {ours.missed} of {ours.feasible} (of {ours.stops} in all).",
            "",
            *_broken_rules(ours),
            "",
            f"## Beside others, {beside:,.0f} server-years of the same fleets",
            "",
            comparison(soak.compared),
            "",
        ]
    )


def write_report(soak: "Soak", path: Path | None) -> None:
    """Write the report, and a JSON file beside it, if `path` is given."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tell(soak))
    figures = {
        "seed": soak.seed,
        "planner": _figures(soak.ours),
        "beside": {way: _figures(each) for way, each in soak.compared.items()},
    }
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")


@cache
def _commit() -> str:
    """The code that is played, as git names it; as it was when the soak began."""
    told = subprocess.run(
        ["git", "log", "-1", "--format=commit %h"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "an unknown commit"


def _broken_rules(ours: Tally) -> list[str]:
    if not ours.findings:
        return ["No rule was broken."]
    counted = ", ".join(f"{rule}: {times}" for rule, times in sorted(ours.rules().items()))
    told = [f"- {finding}" for finding in ours.findings[:TOLD]]
    return [f"Rules broken: {counted}. The first of them:", "", *told]


def _figures(each: Tally) -> dict[str, object]:
    return {
        "worlds": each.worlds,
        "server_years": round(each.server_years, 2),
        "stops": each.stops,
        "feasible": each.feasible,
        "missed": each.missed,
        "miss_rate": round(each.miss_rate, 5),
        "contended": each.contended,
        "without_copy": each.bare,
        "value_saved": round(each.value_kept, 4),
        "age_hours": {str(q): round(each.age(q), 2) for q in (0.5, 0.9, 0.99)},
        "runs": each.runs,
        "broken_off": each.broken,
        "sweeps": each.sweeps,
        "stale_writes_refused": each.refused,
        "paused": each.paused,
        "seconds": round(each.seconds, 1),
        "findings": [str(finding) for finding in each.findings],
    }
