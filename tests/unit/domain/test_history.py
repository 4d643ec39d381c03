"""The history as programs read it."""

from datetime import timedelta

from daemon.domain.canonical import write_canonical
from daemon.domain.history import history_json, history_row
from daemon.domain.run import Failure, RunState, advance
from daemon.domain.verification import Depth
from tests.factories import NOW, a_run, a_verification, captured, digest

FIELDS = [
    "run",
    "server",
    "kind",
    "state",
    "started_at",
    "finished_at",
    "files",
    "bytes",
    "stored_bytes",
    "new_bytes",
    "snapshot",
    "manifest_sha256",
    "store",
    "verification",
    "error",
    "provider_copy",
]


def verified_run():
    run = a_run(started_at=NOW.replace(microsecond=250_000))
    for state in (RunState.PULLING, RunState.STORING, RunState.VERIFYING):
        run = advance(run, state, NOW, captured=captured(), manifest_sha256=digest("manifest"))
    return advance(run, RunState.VERIFIED, NOW + timedelta(seconds=90))


def test_a_good_run_reads_as_verified_with_its_evidence():
    row = history_json(history_row(verified_run(), [a_verification(matches_source=True)]))
    assert list(row) == FIELDS
    assert row["state"] == "verified"
    assert row["started_at"] == "2026-11-23T06:01:01Z"
    assert row["finished_at"] == "2026-11-23T06:02:31Z"
    assert row["verification"] == {
        "depth": "stored",
        "outcome": "passed",
        "checked_at": "2026-11-23T06:01:01Z",
        "matches_source": True,
    }
    assert row["error"] is None
    write_canonical(row)


def test_a_run_is_not_made_to_look_proven_by_evidence_about_another():
    older = a_verification(run="20261122T060101Z-3fa9c2", depth=Depth.RESTORED)
    assert history_json(history_row(verified_run(), [older]))["verification"] is None


def test_a_failed_run_says_why_and_claims_nothing():
    error = Failure(code="LoginRefused", message="No.", hint="Put the key there.")
    row = history_json(history_row(advance(a_run(), RunState.FAILED, NOW, error=error), []))
    assert list(row) == FIELDS
    assert row["error"] == {"code": "LoginRefused", "message": "No.", "hint": "Put the key there."}
    assert (row["files"], row["snapshot"], row["verification"]) == (None, None, None)


def test_a_run_under_way_has_no_end_yet():
    assert history_json(history_row(a_run(), []))["finished_at"] is None
