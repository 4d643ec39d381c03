"""How provider snapshots are told: beside the runs in a history, one in full, one to come."""

from collections.abc import Iterator
from typing import Final

from daemon.cli.output import Json, instant, size, span
from daemon.domain.canonical import JsonObject
from daemon.domain.provider_copy import CopyState, ProviderCopy
from daemon.services.provider_preview import CopyPreview
from daemon.services.provider_records import CopyRecord

_WHOLE: Final = 100


def copy_json(record: CopyRecord) -> JsonObject:
    """The object that `history --json` prints of a copy; its fields stay as they are.

    Those that only runs have are null, and `provider_copy`, which runs have not, is an object.
    """
    copy, problem = record.copy, record.copy.problem
    return {
        "run": copy.run,
        "server": copy.server,
        "kind": copy.reason.value,
        "state": copy.state.value,
        "started_at": instant(copy.started_at),
        "finished_at": instant(copy.ended_at) or None,
        "files": None,
        "bytes": copy.size,
        "stored_bytes": None,
        "new_bytes": None,
        "snapshot": None,
        "manifest_sha256": None,
        "store": None,
        "verification": None,
        "error": None
        if problem is None
        else {"code": problem.code, "message": problem.message, "hint": problem.hint},
        "provider_copy": {
            "by": copy.kind,
            "provider": copy.provider,
            "account": copy.account,
            "region": copy.region,
            "machine": copy.machine,
            "begun_at": instant(copy.begun_at) or None,
            "completed_at": _completed_at(copy),
            "deleted_at": instant(copy.deleted_at) or None,
            "looked_at": instant(copy.looked_at),
            "progress": copy.progress,
            "volumes": [
                {"id": each.id, "volume": each.volume, "bytes": each.size} for each in copy.volumes
            ],
            "same_fate": record.fate.shared,
            "fate": record.fate.sentence,
        },
    }


def copy_cells(record: CopyRecord) -> tuple[str, ...]:
    """One row of the history's table."""
    copy = record.copy
    proof = "none; dies with account" if record.fate.shared else "none"
    if copy.state is CopyState.FAILED or (copy.is_creating and copy.problem):
        proof = copy.problem.code if copy.problem else ""
    return copy.run, copy.server, f"snapshot {_state(copy)}", "", size(copy.size), "", proof


def copy_fields(record: CopyRecord) -> Iterator[tuple[str, str]]:
    """One in full."""
    copy = record.copy
    yield "provider snapshot", copy.run
    yield "server", copy.server
    yield "kind", copy.reason.value
    yield "state", _state(copy)
    yield "started", instant(copy.started_at)
    yield "copied as of", instant(copy.begun_at)
    if copy.ended_at is not None:
        took = span(copy.ended_at - copy.started_at)
        yield "finished", f"{instant(copy.ended_at)}, after {took}"
    yield "removed", instant(copy.deleted_at)
    if copy.problem is not None:
        yield "error", f"{copy.problem.code}: {copy.problem.message}"
        yield "next", copy.problem.hint
    yield "size", size(copy.size)
    yield "made by", copy.kind
    yield "provider", copy.provider or ""
    yield "account", copy.account or "the server's own"
    yield "region", copy.region or ""
    yield "machine", copy.machine
    yield "disks", "\n".join(f"{v.id} of {v.volume}, {size(v.size)}" for v in copy.volumes)
    yield "fate", record.fate.sentence
    yield "proof", "none: what a provider copies is not looked into"


def copy_words(record: CopyRecord) -> str:
    """How one has come out, as a sentence."""
    copy = record.copy
    disks = "one disk" if len(copy.volumes) == 1 else f"{len(copy.volumes)} disks"
    state = f"{copy.state.value} ({copy.progress} %)" if copy.is_creating else copy.state.value
    return (
        f"{copy.server}: provider snapshot {state}: {disks}, {size(copy.size)}, as of "
        f"{instant(copy.begun_at)}. {record.fate.sentence} Run {copy.run}"
    )


def preview_fields(preview: CopyPreview) -> Iterator[tuple[str, str]]:
    """What would be asked for."""
    machine = preview.machine
    yield "server", preview.server
    yield "made by", machine.kind
    yield "machine", machine.id
    yield "region", machine.region or ""
    yield "account", machine.account or "the server's own"
    yield "phase", _phase(preview)
    yield "under way", preview.under_way.run if preview.under_way else ""
    newest = preview.newest
    yield "newest", f"{newest.run}, {instant(newest.begun_at)}" if newest else "none"


def preview_json(preview: CopyPreview) -> Json:
    """The same for programs."""
    machine = preview.machine
    return {
        "server": preview.server,
        "by": machine.kind,
        "machine": machine.id,
        "region": machine.region,
        "account": machine.account,
        "phase": preview.phase.name if preview.phase else None,
        "snapshot_possible": preview.phase.snapshot if preview.phase else None,
        "under_way": preview.under_way.run if preview.under_way else None,
        "newest": preview.newest.run if preview.newest else None,
    }


def _phase(preview: CopyPreview) -> str:
    if preview.phase is None:
        return ""
    can = "makes snapshots" if preview.phase.snapshot else "makes no snapshots"
    return f"{preview.phase.name}: the provider {can}"


def _state(copy: ProviderCopy) -> str:
    return f"{copy.state.value}, {copy.progress} %" if copy.is_creating else copy.state.value


def _completed_at(copy: ProviderCopy) -> str | None:
    return instant(copy.ended_at) if copy.ended_at and copy.progress == _WHOLE else None
