"""How a check of a repository shows itself, and what it found."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from backends.repository.check import CheckProgress, CheckStage
from backends.repository.findings import CheckReport, Problem, Victim
from daemon.cli.invocation import invocation_of
from daemon.cli.output import Json, Output, size
from daemon.domain.pathtext import write_path
from daemon.printable import printable

_STAGES: Final = {
    CheckStage.INDEX: "reading the index",
    CheckStage.PACKS: "comparing the store's listing with it",
    CheckStage.DATA: "reading packs",
    CheckStage.TREES: "following snapshots",
}
_SHOWN_ID: Final = 8


@contextmanager
def watch_check(ctx: typer.Context, output: Output) -> Iterator[Callable[[CheckProgress], None]]:
    """A moving line for each stage on a terminal; elsewhere nothing."""
    if output.as_json or invocation_of(ctx).quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    lines: dict[CheckStage, TaskID] = {}
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True, highlight=False, emoji=False, markup=False),
        transient=True,
    ) as bar:

        def show(now: CheckProgress) -> None:
            if now.stage not in lines:
                lines[now.stage] = bar.add_task(_STAGES[now.stage])
            bar.update(lines[now.stage], completed=now.done, total=now.total)

        yield show


def say_check(output: Output, report: CheckReport, *, read_data: bool) -> None:
    """Every problem with what it costs, then what was looked at, then the verdict."""
    for word, found in (("damaged", report.problems), ("note", report.hints)):
        for problem in found:
            _say_problem(output, word, problem)
    if report.unlisted:
        output.say(f"… and {report.unlisted:,} more that are only counted.")
    output.say(
        f"Looked at {report.snapshots:,} snapshots, {report.trees:,} folders, "
        f"{report.blobs:,} blobs in {report.packs:,} packs; "
        + (f"read {size(report.read_bytes)}." if read_data else "read no contents.")
    )
    if not report.sound:
        output.say(
            f"The repository is damaged: {len(report.problems):,} problems.\n"
            " next: back the files named above up again while their source lives; "
            "all others can be restored."
        )
    elif read_data:
        output.say("The repository is sound.")
    else:
        output.say("No damage was found; --read-data looks into the packs as well.")


def check_json(report: CheckReport, *, read_data: bool) -> Json:
    """The report for programs."""
    return {
        "sound": report.sound,
        "read_data": read_data,
        "problems": [_problem_json(problem) for problem in report.problems],
        "hints": [_problem_json(problem) for problem in report.hints],
        "unlisted": report.unlisted,
        "snapshots": report.snapshots,
        "trees": report.trees,
        "packs": report.packs,
        "blobs": report.blobs,
        "read_bytes": report.read_bytes,
    }


def _say_problem(output: Output, word: str, problem: Problem) -> None:
    output.say(f"{word:<8} {problem.object}")
    output.say(f"{'':<8} {problem.detail}")
    for victim in problem.victims:
        output.say(f"{'':<8} costs {_place(victim)} (snapshot {victim.snapshot[:_SHOWN_ID]})")


def _place(victim: Victim) -> str:
    return f"/{printable(victim.path)}" if victim.path else "everything"


def _problem_json(problem: Problem) -> Json:
    return {
        "kind": problem.kind.value,
        "object": problem.object,
        "detail": printable(problem.detail),
        "blob": problem.blob.hex() if problem.blob else None,
        "victims": [
            {"snapshot": victim.snapshot, "path": "/" + write_path(victim.path)}
            for victim in problem.victims
        ],
    }
