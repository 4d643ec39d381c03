"""The history: what `history --json` says about a run; its fields stay as they are."""

from collections.abc import Iterable
from dataclasses import dataclass

from daemon.domain.canonical import JsonObject
from daemon.domain.instant import write_second
from daemon.domain.run import Failure, Run
from daemon.domain.verification import Verification, strongest


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """A run and the evidence that stands for it."""

    run: Run
    verification: Verification | None


def history_row(run: Run, verifications: Iterable[Verification]) -> HistoryRow:
    """The run with the strongest evidence about its own manifest, if any."""
    if run.manifest_sha256 is None:
        return HistoryRow(run=run, verification=None)
    standing = strongest(verifications, run=run.run, manifest_sha256=run.manifest_sha256)
    return HistoryRow(run=run, verification=standing)


def history_json(row: HistoryRow) -> JsonObject:
    """The object that `history --json` prints; instants are cut to whole seconds."""
    run = row.run
    return {
        "run": run.run,
        "server": run.server,
        "kind": run.kind.value,
        "state": run.state.value,
        "started_at": write_second(run.started_at),
        "finished_at": None if run.finished_at is None else write_second(run.finished_at),
        "files": run.files,
        "bytes": run.bytes,
        "stored_bytes": run.stored_bytes,
        "new_bytes": run.new_bytes,
        "snapshot": run.snapshot,
        "manifest_sha256": run.manifest_sha256,
        "store": run.store,
        "verification": _verification_json(row.verification),
        "error": _error_json(run.error),
        # What snapshots that a provider made have in its place.
        "provider_copy": None,
    }


def _verification_json(verification: Verification | None) -> JsonObject | None:
    if verification is None:
        return None
    return {
        "depth": verification.depth.value,
        "outcome": verification.outcome.value,
        "checked_at": write_second(verification.checked_at),
        "matches_source": verification.matches_source,
    }


def _error_json(error: Failure | None) -> JsonObject | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint}
