"""Tells the figures of a soak: a table for people, the same as JSON for programs."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.simulation.tally import PLANNER, Tally

#: So many broken rules are told one by one.
TOLD = 40


def comparison(totals: Mapping[str, Tally]) -> str:
    """The ways of saving side by side, as a Markdown table."""
    rows: list[tuple[str, str]] = [
        ("stops on record", "{0.stops}"),
        ("of these feasible for certain", "{0.feasible}"),
        ("feasible ones missed", "{0.missed}"),
        ("miss rate", "{rate:.2%}"),
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


def write_report(totals: Mapping[str, Tally], seed: str, path: Path | None) -> str:
    """The report's text; also in a file, with a JSON file beside it, if `path` is given."""
    ours = totals[PLANNER]
    pace = ours.server_years / ours.seconds if ours.seconds else 0.0
    text = "\n".join(
        [
            "# Soak of the planner",
            "",
            (
                f"{ours.server_years:,.0f} server-years in {ours.worlds:,} worlds, seeds "
                f"`{seed}-0` to"
                " "
                f"`{seed}-{ours.worlds - 1}`; {ours.sweeps:,} sweeps, {ours.runs:,} runs; "
                f"{ours.refused:,} stale writes refused, {ours.paused:,} runs paused for more "
                f"urgent "
                f"ones; {pace:.0f} server-years a second on one core."
            ),
            "",
            comparison(totals),
            "",
            *_broken_rules(ours),
            "",
        ]
    )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.with_suffix(".json").write_text(json.dumps(_figures(totals, seed), indent=1) + "\n")
    return text


def _broken_rules(ours: Tally) -> list[str]:
    if not ours.findings:
        return ["No rule was broken."]
    counted = ", ".join(f"{rule}: {times}" for rule, times in sorted(ours.rules().items()))
    told = [f"- {finding}" for finding in ours.findings[:TOLD]]
    return [f"Rules broken: {counted}. The first of them:", "", *told]


def _figures(totals: Mapping[str, Tally], seed: str) -> dict[str, object]:
    return {
        "seed": seed,
        "ways": {
            way: {
                "worlds": each.worlds,
                "server_years": round(each.server_years, 2),
                "stops": each.stops,
                "feasible": each.feasible,
                "missed": each.missed,
                "miss_rate": round(each.miss_rate, 5),
                "without_copy": each.bare,
                "age_hours": {str(q): round(each.age(q), 2) for q in (0.5, 0.9, 0.99)},
                "runs": each.runs,
                "broken_off": each.broken,
                "sweeps": each.sweeps,
                "stale_writes_refused": each.refused,
                "paused": each.paused,
                "seconds": round(each.seconds, 1),
                "findings": [str(finding) for finding in each.findings],
            }
            for way, each in totals.items()
        },
    }
