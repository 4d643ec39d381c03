"""A whole report as Markdown, from what was measured and nothing else; and its file, kept."""

from pathlib import Path

from tests.benchmarks.capture import goals
from tests.benchmarks.capture.case_tables import case_lines, goal_lines
from tests.benchmarks.capture.markdown import megabytes, ratio, source, table
from tests.benchmarks.capture.profile_tables import profile_lines
from tests.benchmarks.capture.record import (
    Entry,
    Machine,
    Reading,
    Report,
    Salvage,
    keep,
    load,
    merge,
)
from tests.benchmarks.capture.size_tables import growth_lines, memory_lines


def write_report(report: Report, path: Path) -> None:
    """Write Markdown there and JSON beside it; parts that were kept there before stay."""
    figures = path.with_suffix(".json")
    old = load(figures)
    whole = report if old is None else merge(old, report)
    keep(whole, figures)
    path.write_text(render(whole))


def render(report: Report) -> str:
    """The report as Markdown."""
    head = ["# Backup, against what an operator would use today", "", _machine(report.machine), ""]
    return "\n".join((*head, *sections(report))).rstrip() + "\n"


def sections(report: Report) -> list[str]:
    """Lines of all sections that there is something to say in."""
    lines: list[str] = []
    for section in (
        goal_lines,
        case_lines,
        reading_lines,
        profile_lines,
        memory_lines,
        growth_lines,
        salvage_lines,
    ):
        lines += section(report)
    if report.notes:
        lines += ["## Notes", "", *(f"- {note}" for note in report.notes), ""]
    return lines


def reading_lines(report: Report) -> list[str]:
    """Restore and check beside restic's."""
    if not report.readings:
        return []
    headings = ("", "restic, s", "least-most", "ours, s", "least-most", "ratio")
    more = ("CPU, restic", "ours", "ratio", "peak MB, restic", "ours")
    rows = [_reading_row(each) for each in report.readings]
    origins = dict.fromkeys(source(each.origin) for each in report.readings)
    legend = (
        "`restic restore` and `restic check --read-data` beside `lapseguard restore` and"
        " `lapseguard verify --depth hashed`, on one repository in the S3 server. Ours hashes what"
        " it restores and sees it safe on the disk; restic does neither, so its restore is told"
        " once more with `sync -f` after it. Restic keeps its cache from round to round. Library:"
        " restic's own repository in a folder, read by ours without the rest of the program; nobody"
        f" waits for the disk. Goal of each ratio: ≤ {goals.READING:.2f}."
    )
    lines = table((*headings, *more), rows)
    return ["## Restore and check", "", legend, "", *lines, "", *origins, ""]


def salvage_lines(report: Report) -> list[str]:
    """What was left when the server died."""
    if not report.salvages:
        return []
    every = {each.every for each in report.salvages}
    headings = ("", "tree", "cut at", "delivered MB", "restorable then", "of what was there before")
    more = ("when it had ended", "begun MB", "kept of it, then / in the end MB", "≥ 95 %")
    rows = [_salvage_row(each) for each in report.salvages]
    origins = dict.fromkeys(source(each.origin) for each in report.salvages)
    legend = (
        "The server is cut off in the middle of a first backup over slow lines. Delivered: bytes"
        " of files that rsync had completed. Restorable: by stock restic, bytes of whole and equal"
        " files, over those; *before* is one checkpoint interval earlier"
        f" ({', '.join(f'{each} s' for each in sorted(every))}), which the goal is about. Begun:"
        " files that were not complete. The rival's second step begins when its first has ended."
    )
    lines = table((*headings, *more), rows, texts=2)
    return ["## Salvage", "", legend, "", *lines, "", *origins, ""]


def _machine(machine: Machine) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions)
    return f"{machine.cores} cores, {machine.memory / 1e9:.1f} GB of memory; {versions}."


def _reading_row(reading: Reading) -> tuple[str, ...]:
    theirs, ours = (Entry(contestant="", costs=each) for each in (reading.theirs, reading.ours))
    cpu = [each.median(lambda cost: cost.processor) for each in (theirs, ours)]
    return (
        f"{reading.verb}, {reading.what}",
        *(_wall(theirs)),
        *(_wall(ours)),
        ratio(ours.median() / theirs.median()),
        *(f"{each:.2f}" for each in cpu),
        ratio(cpu[1] / cpu[0] if cpu[0] else None),
        *(megabytes(each.median(lambda cost: cost.peak)) for each in (theirs, ours)),
    )


def _wall(entry: Entry) -> tuple[str, str]:
    walls = [cost.seconds for cost in entry.costs]
    return f"{entry.median():.2f}", f"{min(walls):.2f}-{max(walls):.2f}"


def _salvage_row(salvage: Salvage) -> tuple[str, ...]:
    then, before = salvage.delivered.then, salvage.delivered.before
    kept = (salvage.at_once.beginnings, salvage.in_the_end.beginnings)
    return (
        salvage.contestant,
        f"{salvage.tree}, {salvage.files:,} files",
        f"{salvage.moment:.0%} ({salvage.seconds:.0f} s)",
        megabytes(then, 1),
        _share(salvage.at_once.whole, then),
        _share(salvage.at_once.whole, before),
        _share(salvage.in_the_end.whole, then),
        megabytes(salvage.delivered.begun),
        " / ".join(megabytes(size) for size in kept),
        _salvage_verdict(salvage),
    )


def _salvage_verdict(salvage: Salvage) -> str:
    before = salvage.delivered.before
    if not before:
        return "-"
    return "reached" if salvage.at_once.whole / before >= goals.SALVAGE else "MISSED"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "no whole file"
