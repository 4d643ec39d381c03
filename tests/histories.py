"""Runs as a backup leaves them in the database: claimed, finished, each with its manifest."""

from datetime import datetime, timedelta
from typing import Any, Final

from daemon.domain.manifest import Manifest
from daemon.domain.manifest_document import read_manifest
from daemon.domain.run import Run, RunKind, RunState, advance
from daemon.domain.verification import Outcome
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import (
    NOW,
    RUN,
    a_manifest,
    a_verification,
    captured,
    digest,
    unsigned_document,
)

LEASE: Final = timedelta(minutes=2)
LAPSED: Final = timedelta(seconds=-1)


def claim(unit: UnitOfWork, run: str = RUN, **changes: Any) -> Run:
    given: dict[str, Any] = {
        "server": "web-1",
        "kind": RunKind.MANUAL,
        "store": "main",
        "owner": "ops-1:1:aa",
        "lease": LEASE,
    }
    return unit.runs.claim(run=run, **(given | changes))


def finish(
    unit: UnitOfWork,
    run: Run,
    manifest: Manifest | None = None,
    *,
    at: datetime = NOW,
    outcome: Outcome = Outcome.PASSED,
    **changes: Any,
) -> Run:
    """Take a claimed run through every state to verified, as a backup does."""
    manifest = manifest or a_manifest(run=run.run, server=run.server)
    document = unsigned_document(manifest)
    signed = read_manifest(document)
    for state in (RunState.PULLING, RunState.STORING, RunState.VERIFYING):
        run = advance(run, state, at)
        unit.runs.save(run)
    unit.manifests.record(run, signed, document)
    proof = a_verification(
        run=run.run, manifest_sha256=signed.sha256, checked_at=at, outcome=outcome
    )
    unit.verifications.record(proof)
    after = at + timedelta(seconds=20)
    run = advance(
        run,
        RunState.VERIFIED,
        after,
        captured=captured(**changes),
        manifest_sha256=signed.sha256,
    )
    unit.runs.save(run)
    return run


def chained_manifest(unit: UnitOfWork, run: str, **changes: Any) -> Manifest:
    """The manifest that is next in the repository of `a_manifest`."""
    latest = unit.manifests.latest(digest("repository"))
    given: dict[str, Any] = {"run": run, "sequence": 1, "previous_sha256": None} | changes
    if latest is not None:
        given |= {"sequence": latest.sequence + 1, "previous_sha256": latest.sha256}
    return a_manifest(**given)
