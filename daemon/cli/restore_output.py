"""What a restore did, or would do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backends.repository.restore_report import RestoreReport
from backends.repository.snapshot import Snapshot
from backends.types import Omission
from daemon.cli.output import Json, Output, instant, size
from daemon.domain.manifest import Manifest
from daemon.domain.pathtext import write_path
from daemon.printable import printable
from daemon.services.loading import Loading
from daemon.services.restore_preview import RestorePreview, TargetPreview

_SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is restored: for people, and as fields for programs."""

    words: str
    fields: Mapping[str, Json]


def snapshot_subject(snapshot: Snapshot) -> Subject:
    """A repository snapshot."""
    host = f" of {snapshot.hostname}" if snapshot.hostname else ""
    words = f"snapshot {snapshot.id[:8]}{host}, {instant(snapshot.time)},"
    return Subject(words=words, fields={"snapshot": snapshot.id})


def run_subject(manifest: Manifest, dumps: Sequence[Loading]) -> Subject:
    """What a run stored, and how its dumps are loaded once they are restored."""
    fields = {
        "run": manifest.run,
        "server": manifest.server,
        "dumps": [_loading_json(loading) for loading in dumps],
    }
    return Subject(words=f"{manifest.server} ({manifest.run})", fields=fields)


def _loading_json(loading: Loading) -> Json:
    dump = loading.dump
    return {
        "name": dump.name,
        "kind": dump.kind,
        "path": loading.path,
        "load": loading.command,
        "taken_at": instant(dump.taken_at),
    }


def say_loading(output: Output, dumps: Sequence[Loading]) -> None:
    """How the dumps are loaded."""
    if not dumps:
        return
    output.say("Databases are not loaded by this. To load them, in this order:")
    for loading in dumps:
        output.say(f"  {loading.command}")


def say_preview(
    output: Output, found: RestorePreview, met: TargetPreview | None, subject: Subject, target: Path
) -> None:
    """What would be restored, and what would be met there."""
    output.say(
        f"Would restore {found.files:,} files, {size(found.bytes)}, {found.folders:,} "
        f"folders and {found.others:,} others of {subject.words} into {target}."
    )
    for path in found.missing:
        output.say(f"  missing: /{printable(path)}: nothing in the snapshot fits")
    if found.damaged:
        output.say(f"  damaged: {found.damaged:,} folders; what is in them is lost")
    if found.unsafe:
        output.say(f"  left out: {found.unsafe:,} entries whose names could lead elsewhere")
    for line in _obstacles(found, met) if met else ():
        output.say(f"  {line}")
    output.say("Nothing was done.")


def _obstacles(found: RestorePreview, met: TargetPreview) -> list[str]:
    lines = []
    if met.resumed:
        lines.append("goes on: what an interrupted restore left there is hashed and kept")
    if met.in_the_way:
        names = ", ".join(map(printable, met.in_the_way))
        lines.append(f"refused: the folder is not empty: {names}")
    if not met.resumed and found.bytes > met.free_bytes:
        lines.append(f"no room: only {size(met.free_bytes)} are free there")
    return lines


def preview_json(found: RestorePreview, met: TargetPreview | None, subject: Subject) -> Json:
    """The same for programs."""
    return {
        **subject.fields,
        "complete": found.complete,
        "files": found.files,
        "bytes": found.bytes,
        "folders": found.folders,
        "others": found.others,
        "missing": [_path_text(path) for path in found.missing],
        "damaged_folders": found.damaged,
        "unsafe_names": found.unsafe,
        **({} if met is None else _met_json(met)),
    }


def _met_json(met: TargetPreview) -> Mapping[str, Json]:
    return {
        "resumed": met.resumed,
        "in_the_way": [printable(name) for name in met.in_the_way],
        "free_bytes": met.free_bytes,
    }


def say_restore(output: Output, report: RestoreReport, subject: Subject, target: Path) -> None:
    """What was restored, and everything that is not as it was."""
    output.say(f"Restored {subject.words} into {target}:")
    output.fields(
        (
            ("  files", f"{report.files:,}, {size(report.bytes)}{kept_words(report)}"),
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


def kept_words(report: RestoreReport) -> str:
    """How much of it an interrupted restore had left."""
    if not report.kept.bytes:
        return ""
    return f", of which {size(report.kept.bytes)} were there already"


def restore_json(report: RestoreReport, subject: Subject) -> Mapping[str, Json]:
    """The same for programs."""
    return {
        **subject.fields,
        "complete": report.complete,
        "files": report.files,
        "bytes": report.bytes,
        "kept_files": report.kept.files,
        "kept_bytes": report.kept.bytes,
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
