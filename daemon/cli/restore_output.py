"""What a restore did, or would do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from backends.repository.restore_report import RestoreReport
from backends.repository.snapshot import Snapshot
from backends.types import Omission
from daemon.cli.output import Json, Output, instant, size
from daemon.domain.pathtext import write_path
from daemon.printable import printable
from daemon.services.repository_restore import RestorePreview

_SHOWN: Final = 100


def say_preview(output: Output, preview: RestorePreview, snapshot: Snapshot, target: Path) -> None:
    """What would be restored."""
    output.say(
        f"Would restore {preview.files:,} files, {size(preview.bytes)}, {preview.folders:,} "
        f"folders and {preview.others:,} others of {_described(snapshot)} into {target}."
    )
    for path in preview.missing:
        output.say(f"  missing: /{printable(path)}: the snapshot has no such path")
    if preview.damaged:
        output.say(f"  damaged: {preview.damaged:,} folders; what is in them is lost")
    output.say("Nothing was done.")


def preview_json(preview: RestorePreview, snapshot: Snapshot) -> Json:
    """The same for programs."""
    return {
        "snapshot": snapshot.id,
        "complete": preview.complete,
        "files": preview.files,
        "bytes": preview.bytes,
        "folders": preview.folders,
        "others": preview.others,
        "missing": [_path_text(path) for path in preview.missing],
        "damaged_folders": preview.damaged,
    }


def say_restore(output: Output, report: RestoreReport, snapshot: Snapshot, target: Path) -> None:
    """What was restored, and everything that is not as it was."""
    output.say(f"Restored {_described(snapshot)} into {target}:")
    output.fields(
        (
            ("  files", f"{report.files:,}, {size(report.bytes)}"),
            ("  folders", f"{report.folders:,}"),
            ("  links", f"{report.links:,} further names of files"),
            ("  others", f"{report.others:,} symbolic links, pipes and devices"),
        )
    )
    _say_entries(output, "Left out", report.skipped)
    if report.shortfalls:
        output.say("Not as it was saved:")
    for shortfall in report.shortfalls:
        first = printable(shortfall.example)
        output.say(f"  {shortfall.reason}: {shortfall.count:,} entries, the first /{first}")
    _say_entries(output, "NOT RESTORED", report.failures)
    output.say("Complete." if report.complete else "Incomplete: see above. The rest is there.")


def restore_json(report: RestoreReport, snapshot: Snapshot) -> Json:
    """The same for programs."""
    return {
        "snapshot": snapshot.id,
        "complete": report.complete,
        "files": report.files,
        "bytes": report.bytes,
        "folders": report.folders,
        "links": report.links,
        "others": report.others,
        "skipped": _entries_json(report.skipped),
        "failures": _entries_json(report.failures),
        "shortfalls": [
            {
                "reason": printable(shortfall.reason),
                "count": shortfall.count,
                "example": _path_text(shortfall.example),
            }
            for shortfall in report.shortfalls
        ],
    }


def _say_entries(output: Output, title: str, entries: Sequence[Omission]) -> None:
    if not entries:
        return
    output.say(f"{title} ({len(entries):,}):")
    for entry in entries[:_SHOWN]:
        output.say(f"  /{printable(entry.path)}: {entry.reason}")
    if len(entries) > _SHOWN:
        output.say("  … with --json all of them are listed.")


def _entries_json(entries: Sequence[Omission]) -> Json:
    return [
        {"path": _path_text(entry.path), "reason": printable(entry.reason)} for entry in entries
    ]


def _path_text(path: bytes) -> str:
    return "/" + write_path(path)


def _described(snapshot: Snapshot) -> str:
    host = f" of {snapshot.hostname}" if snapshot.hostname else ""
    return f"snapshot {snapshot.id[:8]}{host}, {instant(snapshot.time)},"
