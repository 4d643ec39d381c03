"""Runs as rows, and back."""

from daemon.domain.run import Failure, Run, RunKind, RunState
from daemon.store.transaction import AnyRow


def read_run(row: AnyRow) -> Run:
    """The run of a row with all columns."""
    return Run(
        run=row.run,
        server=row.server,
        kind=RunKind(row.kind),
        state=RunState(row.state),
        started_at=row.started_at,
        verifying_at=row.verifying_at,
        finished_at=row.finished_at,
        files=row.files,
        bytes=row.bytes,
        stored_bytes=row.stored_bytes,
        new_bytes=row.new_bytes,
        snapshot=row.snapshot,
        manifest_sha256=row.manifest_sha256,
        store=row.store,
        error=read_failure(row),
        epoch=row.epoch,
        owner=row.owner,
        lease_until=row.lease_until,
    )


def read_failure(row: AnyRow) -> Failure | None:
    """Why the run of a row did not end well, from three columns."""
    if row.error_code is None:
        return None
    return Failure(code=row.error_code, message=row.error_message, hint=row.error_hint)


def run_values(run: Run) -> dict[str, object]:
    """A row's values by column."""
    return {
        "run": run.run,
        "server": run.server,
        "kind": run.kind.value,
        "state": run.state.value,
        "started_at": run.started_at,
        "verifying_at": run.verifying_at,
        "finished_at": run.finished_at,
        "files": run.files,
        "bytes": run.bytes,
        "stored_bytes": run.stored_bytes,
        "new_bytes": run.new_bytes,
        "snapshot": run.snapshot,
        "manifest_sha256": run.manifest_sha256,
        "store": run.store,
        "epoch": run.epoch,
        "owner": run.owner,
        "lease_until": run.lease_until,
        **failure_values(run.error),
    }


def failure_values(error: Failure | None) -> dict[str, object]:
    """The three columns of a failure."""
    return {
        "error_code": None if error is None else error.code,
        "error_message": None if error is None else error.message,
        "error_hint": None if error is None else error.hint,
    }
