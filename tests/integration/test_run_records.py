"""Runs, manifests and evidence on both kinds of database; nobody writes with a stale claim."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.audit import verify_chain
from daemon.domain.manifest_document import read_manifest
from daemon.domain.run import FINAL_STATES, Failure, RunState, advance
from daemon.domain.verification import Depth, Outcome
from daemon.errors import ClaimLost, InvalidValue, ManifestInvalid, NotFound, RunActive
from tests.factories import (
    NOW,
    RUN,
    FakeClock,
    a_manifest,
    a_run,
    a_verification,
    digest,
    unsigned_document,
)
from tests.histories import LAPSED, LEASE, chained_manifest, claim, finish

RUNS = [f"20261123T06010{number}Z-aaaaaa" for number in range(9)]


def kinds(unit):
    return [event.kind for event in unit.audit.events()]


# Runs


def test_a_second_run_of_a_server_waits_for_the_first(open_unit):
    with open_unit() as unit:
        first = claim(unit)
        unit.commit()
    with open_unit() as unit:
        with pytest.raises(RunActive, match=RUN):
            claim(unit, RUNS[1])
        assert claim(unit, RUNS[2], server="web-2").epoch == 1
        assert unit.runs.get(RUN) == first
        assert [run.run for run in unit.runs.unfinished()] == [RUNS[2], RUN]


def test_of_many_that_claim_at_once_one_wins(open_unit):
    start = threading.Barrier(4)

    def compete(number: int) -> str | None:
        start.wait()
        try:
            with open_unit() as unit:
                run = claim(unit, RUNS[number]).run
                unit.commit()
        except RunActive:
            return None
        return run

    with ThreadPoolExecutor(4) as pool:
        winners = [run for run in pool.map(compete, range(4)) if run]
    assert len(winners) == 1
    with open_unit(read_only=True) as unit:
        assert [run.run for run in unit.runs.list()] == winners


def test_a_lapsed_lease_is_taken_over_and_the_old_owner_can_write_nothing(open_unit):
    with open_unit() as unit:
        stale = claim(unit, RUNS[1], lease=LAPSED)
        unit.commit()
    with open_unit() as unit:
        fresh = claim(unit, RUNS[2])
        unit.commit()
    assert fresh.epoch > stale.epoch
    document = unsigned_document(a_manifest(run=stale.run))
    writes = [
        lambda unit: unit.runs.save(advance(stale, RunState.PULLING, NOW)),
        lambda unit: unit.runs.extend_lease(stale, LEASE),
        lambda unit: unit.manifests.record(stale, read_manifest(document), document),
    ]
    for write in writes:
        with open_unit() as unit, pytest.raises(ClaimLost, match=stale.run):
            write(unit)
    with open_unit() as unit:
        assert unit.runs.get(stale.run).state is RunState.ABANDONED
        assert kinds(unit) == ["run.claimed", "run.abandoned", "run.claimed"]
        unit.runs.save(advance(fresh, RunState.PULLING, NOW))


def test_a_write_with_an_older_epoch_is_refused(open_unit):
    with open_unit() as unit:
        run = claim(unit)
        older = replace(run, epoch=run.epoch - 1)
        with pytest.raises(ClaimLost):
            unit.runs.save(advance(older, RunState.PULLING, NOW))


def test_an_extended_lease_is_not_taken_over(open_unit):
    with open_unit() as unit:
        run = claim(unit, lease=LAPSED)
        extended = unit.runs.extend_lease(run, LEASE)
        assert extended.lease_until > run.lease_until
        with pytest.raises(RunActive):
            claim(unit, RUNS[1])


def test_saving_progress_does_not_shorten_a_lease_extended_meanwhile(open_unit):
    with open_unit() as unit:
        run = claim(unit)
        extended = unit.runs.extend_lease(run, LEASE * 9)
        unit.runs.save(advance(run, RunState.PULLING, NOW))
        assert unit.runs.get(RUN).lease_until == extended.lease_until


def test_an_ended_run_cannot_be_ended_again(open_unit):
    error = Failure(code="LoginRefused", message="No.", hint="Put the key there.")
    with open_unit() as unit:
        run = claim(unit)
        failed = advance(run, RunState.FAILED, NOW, error=error)
        unit.runs.save(failed)
        assert unit.runs.get(RUN) == failed
        for again in (failed, advance(run, RunState.PULLING, NOW)):
            with pytest.raises(ClaimLost):
                unit.runs.save(again)
        assert claim(unit, RUNS[1]).epoch == run.epoch + 1


def test_leases_follow_the_clock_that_all_hosts_share(open_unit, database_url):
    with open_unit(clock=FakeClock(NOW - timedelta(days=400))) as unit:
        run = claim(unit)
        unit.commit()
    shared = database_url.startswith("postgresql")
    assert (run.started_at > NOW - timedelta(days=300)) is shared


def test_runs_are_found_newest_first_and_by_what_they_came_to(open_unit):
    with open_unit(clock=(clock := FakeClock())) as unit:
        for name in RUNS[:3]:
            finish(unit, claim(unit, name), chained_manifest(unit, name))
            clock.pass_(60)
        claim(unit, RUNS[3], server="web-2")
        assert [run.run for run in unit.runs.list(server="web-1")] == RUNS[2::-1]
        assert [run.run for run in unit.runs.list(limit=2)] == [RUNS[3], RUNS[2]]
        assert unit.runs.newest("web-1", RunState.VERIFIED).run == RUNS[2]
        assert unit.runs.newest("web-1", RunState.FAILED) is None
        with pytest.raises(NotFound):
            unit.runs.get("20200101T000000Z-000000")


# Manifests, verifications, history


def test_a_good_run_reads_as_verified_with_its_manifest_and_evidence(open_unit):
    with open_unit() as unit:
        run = finish(unit, claim(unit))
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.runs.get(RUN) == run
        row = unit.history.row(RUN)
        assert row.run.state is RunState.VERIFIED
        assert row.verification.depth is Depth.STORED
        document = unit.manifests.document(RUN)
        assert document == unsigned_document(a_manifest())
        assert unit.manifests.get(RUN).sha256 == run.manifest_sha256
        assert kinds(unit) == [
            "run.claimed",
            "run.pulling",
            "run.storing",
            "run.verifying",
            "manifest.recorded",
            "verification.passed",
            "run.verified",
        ]
        assert verify_chain(unit.audit.events()) == ()


def test_each_run_in_the_history_has_only_its_own_evidence(open_unit):
    with open_unit(clock=(clock := FakeClock())) as unit:
        first = finish(unit, claim(unit, RUNS[0]))
        deep = a_verification(
            run=RUNS[0],
            manifest_sha256=first.manifest_sha256,
            depth=Depth.RESTORED,
            matches_source=True,
            problems=("none, 但是…",),
        )
        unit.verifications.record(deep)
        clock.pass_(60)
        finish(unit, claim(unit, RUNS[1]), chained_manifest(unit, RUNS[1]))
        newer, older = unit.history.rows(server="web-1")
        assert newer.verification.depth is Depth.STORED
        assert older.verification == deep
        assert unit.history.rows(server="nobody") == ()


def test_a_history_of_very_many_runs_is_read_in_pieces(open_unit):
    with open_unit() as unit:
        run = finish(unit, claim(unit))
        many = [f"20200101T000000Z-{number:06x}" for number in range(70_000)]
        (found,) = unit.verifications.of(*many, run.run)
        assert found.run == run.run


def test_evidence_about_a_manifest_that_the_run_does_not_have_is_refused(open_unit):
    with open_unit() as unit:
        run = finish(unit, claim(unit))
        for wrong in (
            a_verification(manifest_sha256=digest("forged")),
            a_verification(run=RUNS[1], manifest_sha256=run.manifest_sha256),
        ):
            with pytest.raises(NotFound):
                unit.verifications.record(wrong)


def test_failures_found_later_show_in_the_history(open_unit):
    with open_unit() as unit:
        run = finish(unit, claim(unit))
        failed = a_verification(
            manifest_sha256=run.manifest_sha256,
            outcome=Outcome.FAILED,
            checked_at=NOW + timedelta(days=1),
            problems=("The pack ab is missing.",),
        )
        unit.verifications.record(failed)
        assert unit.history.row(RUN).verification == failed
        assert kinds(unit)[-1] == "verification.failed"


def test_a_manifest_of_another_run_or_another_document_is_refused(open_unit):
    with open_unit() as unit:
        run = claim(unit)
        mine, other = a_manifest(), a_manifest(run=RUNS[1])
        with pytest.raises(ManifestInvalid, match="not of"):
            unit.manifests.record(
                run, read_manifest(unsigned_document(other)), unsigned_document(other)
            )
        with pytest.raises(ManifestInvalid, match="document"):
            unit.manifests.record(
                run, read_manifest(unsigned_document(mine)), unsigned_document(other)
            )


def test_a_number_in_the_chain_is_given_once(open_unit):
    with open_unit() as unit:
        finish(unit, claim(unit, RUNS[0]))
        second = claim(unit, RUNS[1])
        document = unsigned_document(a_manifest(run=RUNS[1]))
        with pytest.raises(ManifestInvalid, match="number 1 already"):
            unit.manifests.record(second, read_manifest(document), document)


def test_the_chain_of_a_repository_is_read_back_in_order(open_unit):
    with open_unit() as unit:
        for name in RUNS[:3]:
            finish(unit, claim(unit, name), chained_manifest(unit, name))
        links = [read_manifest(document) for document in unit.manifests.chain(digest("repository"))]
        assert [link.manifest.sequence for link in links] == [1, 2, 3]
        assert unit.manifests.latest(digest("repository")).sha256 == links[-1].sha256
        assert [record.run for record in unit.manifests.list(server="web-1")] == RUNS[:3]
        assert unit.manifests.latest(digest("elsewhere")) is None
        with pytest.raises(NotFound, match="no manifest"):
            unit.manifests.document(RUNS[5])


def test_history_is_rebuilt_from_a_bucket_without_any_server_registered(open_unit):
    document = unsigned_document(a_manifest())
    signed = read_manifest(document)
    found = a_run(
        state=RunState.VERIFIED,
        finished_at=NOW,
        manifest_sha256=signed.sha256,
        snapshot=digest("snapshot"),
    )
    with open_unit() as unit:
        assert unit.runs.adopt(found)
        assert unit.manifests.adopt(signed, document)
        unit.verifications.record(a_verification(manifest_sha256=signed.sha256))
        assert not unit.runs.adopt(found)
        assert not unit.manifests.adopt(signed, document)
        assert unit.history.row(RUN).verification.depth is Depth.STORED
        with pytest.raises(InvalidValue, match="adopted"):
            unit.runs.adopt(a_run(run=RUNS[1]))


@pytest.mark.parametrize("state", sorted(FINAL_STATES, key=lambda state: state.value))
def test_every_ended_run_can_be_adopted(open_unit, state):
    run = a_run(state=state, finished_at=NOW)
    with open_unit() as unit:
        assert unit.runs.adopt(run)
        assert unit.runs.get(RUN) == run
