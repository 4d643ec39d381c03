"""Everything or nothing, on both kinds of database; and nobody writes with a stale claim."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.audit import NO_EVENTS, verify_chain
from daemon.domain.contract import ContractState, Expiry, close, renew
from daemon.domain.manifest_document import read_manifest
from daemon.domain.run import FINAL_STATES, Failure, RunState, advance
from daemon.domain.verification import Depth, Outcome
from daemon.errors import (
    AlreadyExists,
    ClaimLost,
    DatabaseError,
    InUse,
    InvalidValue,
    ManifestInvalid,
    NotFound,
    RunActive,
    UnknownTimeZone,
)
from daemon.store.engine import open_engine
from daemon.store.errors import DatabaseReadOnly
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import (
    NOW,
    RUN,
    FakeClock,
    a_contract,
    a_manifest,
    a_run,
    a_server,
    a_verification,
    digest,
    unsigned_document,
)
from tests.histories import LAPSED, LEASE, chained_manifest, claim, finish

RUNS = [f"20261123T06010{number}Z-aaaaaa" for number in range(9)]


def kinds(unit):
    return [event.kind for event in unit.audit.events()]


# Transactions


def test_what_is_not_committed_never_happened(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())

    def register_twice() -> None:
        with open_unit() as unit:
            unit.servers.add(a_server())
            unit.servers.add(a_server())
            unit.commit()

    with pytest.raises(AlreadyExists):
        register_twice()
    with open_unit(read_only=True) as unit:
        assert unit.servers.list() == ()
        assert unit.audit.head() == NO_EVENTS


def test_a_committed_unit_is_at_its_end(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.commit()
        with pytest.raises(DatabaseError, match="closed"):
            unit.servers.list()
        with pytest.raises(RuntimeError, match="ended"):
            unit.commit()


def test_a_reader_sees_one_instant_and_waits_for_no_writer(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.commit()
    with open_unit(read_only=True) as reader:
        assert len(reader.servers.list()) == 1
        with open_unit() as writer:
            writer.servers.add(a_server(name="web-2"))
            with open_unit(read_only=True) as another:
                assert len(another.servers.list()) == 1
            assert len(reader.servers.list()) == 1


def test_what_others_commit_meanwhile_does_not_change_what_a_reader_sees(postgres_url):
    engine = open_engine(postgres_url)

    def unit_on(*, read_only: bool) -> UnitOfWork:
        return UnitOfWork(engine, clock=FakeClock(), actor="tester", read_only=read_only)

    with unit_on(read_only=True) as reader:
        assert reader.servers.list() == ()
        with unit_on(read_only=False) as writer:
            writer.servers.add(a_server())
            writer.commit()
        assert reader.servers.list() == ()
    engine.dispose()


def test_a_reader_cannot_write(open_unit):
    with open_unit(read_only=True) as unit, pytest.raises(DatabaseReadOnly):
        unit.servers.add(a_server())


def test_writers_take_turns_and_the_audit_trail_stays_one_chain(open_unit):
    def register(number: int) -> None:
        with open_unit(actor=f"person-{number}") as unit:
            unit.servers.add(a_server(name=f"web-{number}"))
            unit.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(register, range(20)))
    with open_unit(read_only=True) as unit:
        events = list(unit.audit.events())
        assert len(unit.servers.list()) == len(events) == 20
        assert verify_chain(events) == ()


# Servers


def test_a_server_comes_back_as_it_was_registered(open_unit):
    plain = a_server()
    full = a_server(
        name="db-1",
        port=2222,
        identity="/keys/db",
        paths=("/", "/boot", "/数据"),
        excludes=("*.tmp", "/proc"),
        sudo=True,
        one_file_system=True,
        store="cold",
        verify_depth=Depth.HASHED,
        created_at=NOW.replace(microsecond=123456),
    )
    with open_unit() as unit:
        unit.servers.add(plain)
        unit.servers.add(full)
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.servers.list() == (full, plain)
        assert unit.servers.get("db-1") == full


def test_a_server_is_changed_and_removed_but_its_registration_date_stays(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.servers.update(a_server(host="other.example", created_at=NOW + timedelta(days=9)))
        assert unit.servers.get("web-1") == a_server(host="other.example")
        unit.servers.remove("web-1")
        assert unit.servers.list() == ()
        assert kinds(unit) == ["server.added", "server.updated", "server.removed"]


def test_a_name_is_taken_once_and_a_misspelt_one_is_corrected(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        with pytest.raises(AlreadyExists):
            unit.servers.add(a_server())
        for missing in (unit.servers.get, unit.servers.remove):
            with pytest.raises(NotFound) as refused:
                missing("web-l")
            assert refused.value.hint == "Did you mean web-1?"
        with pytest.raises(NotFound):
            unit.servers.update(a_server(name="nowhere"))


def test_a_server_is_kept_while_a_contract_that_is_not_closed_names_it(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(a_contract())
        with pytest.raises(InUse, match="web-2026"):
            unit.servers.remove("web-1")
        unit.contracts.record_closing(close(a_contract(), reason="moved", who="li", at=NOW))
        unit.servers.remove("web-1")
        assert unit.contracts.get("web-2026").servers == ("web-1",)


# Contracts


def test_a_contract_comes_back_in_its_own_words(open_unit):
    contract = a_contract(
        servers=("web-2", "web-1"),
        reference="i-123",
        account="4711",
        expiry=Expiry(text="2026-12-31T18:00"),
    )
    with open_unit() as unit:
        for name in ("web-1", "web-2", "web-3"):
            unit.servers.add(a_server(name=name))
        unit.contracts.add(contract)
        unit.contracts.add(a_contract(name="other", servers=("web-3",)))
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.contracts.get("web-2026") == contract
        assert [c.name for c in unit.contracts.list()] == ["other", "web-2026"]
        assert unit.contracts.of_server("web-1") == (contract,)
        assert unit.contracts.list(state=ContractState.CLOSED) == ()


def test_a_contract_is_not_recorded_for_nobody_or_for_no_known_time(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        with pytest.raises(NotFound, match="server 'web-9'"):
            unit.contracts.add(a_contract(servers=("web-9",)))
        with pytest.raises(UnknownTimeZone):
            unit.contracts.add(a_contract(expiry=Expiry(text="2026-12-31", timezone="Mars/X")))
        unit.contracts.add(a_contract())
        with pytest.raises(AlreadyExists):
            unit.contracts.add(a_contract())
        with pytest.raises(NotFound) as missing:
            unit.contracts.get("web-2027")
        assert missing.value.hint == "Did you mean web-2026?"


def test_a_renewal_moves_the_expiry_and_is_kept(open_unit):
    contract = a_contract()
    renewed, renewal = renew(contract, Expiry(text="2027-12-31"), evidence="#1", who="li", at=NOW)
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(contract)
        unit.contracts.record_renewal(renewal)
        unit.commit()
    with open_unit() as unit:
        assert unit.contracts.get("web-2026") == renewed
        assert unit.contracts.renewals("web-2026") == (renewal,)
        assert kinds(unit)[-1] == "contract.renewed"
        with pytest.raises(InvalidValue, match="meanwhile"):
            unit.contracts.record_renewal(renewal)


def test_a_closed_contract_says_why_and_is_neither_renewed_nor_closed_again(open_unit):
    contract = a_contract()
    closed = close(contract, reason="migrated", who="li", at=NOW)
    _, renewal = renew(contract, Expiry(text="2027-12-31"), evidence="#1", who="li", at=NOW)
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(contract)
        unit.contracts.record_closing(closed)
        assert unit.contracts.list(state=ContractState.CLOSED) == (closed,)
        assert unit.contracts.of_server("web-1") == ()
        with pytest.raises(InvalidValue):
            unit.contracts.record_closing(closed)
        with pytest.raises(InvalidValue):
            unit.contracts.record_renewal(renewal)


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


# Audit


def test_the_trail_names_who_when_and_what_and_shows_a_forged_event(open_unit):
    with open_unit(actor="li@ops-1") as unit:
        unit.servers.add(a_server())
        unit.audit.record("restore.finished", RUN, {"files": 3})
        unit.commit()
    with open_unit(read_only=True) as unit:
        added, restored = unit.audit.events()
        assert (added.actor, added.kind, added.subject) == ("li@ops-1", "server.added", "web-1")
        assert '"host":"192.0.2.7"' in added.payload
        assert list(unit.audit.events(after=1)) == [restored]
        assert list(unit.audit.events(subject="web-1")) == [added]
        assert unit.audit.head().hash == restored.hash
        assert verify_chain([replace(added, actor="nobody"), restored])


def test_a_long_trail_is_read_in_pieces_without_losing_any(open_unit):
    with open_unit() as unit:
        for number in range(1005):
            unit.audit.record("note.written", "x", {"number": number})
        assert [event.sequence for event in unit.audit.events()] == list(range(1, 1006))


def test_the_newest_instant_is_that_of_the_last_event_whatever_came_before(sqlite_url):
    engine, clock = open_engine(sqlite_url), FakeClock(NOW + timedelta(days=400))
    with UnitOfWork(engine, clock=clock, actor="li") as unit:
        assert unit.audit.newest_at() is None
        unit.servers.add(a_server())
        assert unit.audit.newest_at() == clock.at
        clock.at = NOW  # set right again
        unit.servers.remove("web-1")
        assert unit.audit.newest_at() == NOW
        assert unit.audit.head().sequence == 2


def test_the_head_shows_every_change_and_nothing_but_changes(open_unit):
    with open_unit() as unit:
        run = claim(unit)
        unit.commit()
    heads = []
    for change in (
        lambda unit: unit.runs.extend_lease(run, LEASE),
        lambda unit: unit.servers.add(a_server()),
        lambda unit: unit.standings.measure("web-1", 5),
        lambda unit: unit.standings.measure("web-1", 5),
    ):
        with open_unit(at_once=True) as unit:
            change(unit)
            unit.commit()
        with open_unit(read_only=True) as unit:
            heads.append(unit.audit.head().sequence)
    assert heads == [1, 2, 3, 3]
