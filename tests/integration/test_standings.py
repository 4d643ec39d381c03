"""What is kept beside the history is always what the history itself comes to."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.manifest_document import read_manifest
from daemon.domain.outlook import Sample, VerifiedCopy
from daemon.domain.run import Failure, RunState, advance
from daemon.domain.standing import Standing, attempt_of, host_of, samples_of
from daemon.domain.verification import Depth, Outcome
from daemon.errors import Interrupted, InvalidValue, RunPaused
from daemon.services.shortfall import failure_of
from daemon.store.engine import open_engine
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import (
    NOW,
    FakeClock,
    a_manifest,
    a_run,
    a_verification,
    unsigned_document,
)
from tests.histories import LAPSED, chained_manifest, claim, finish

RUNS = [f"20261123T06010{number}Z-aaaaaa" for number in range(9)]
OUTAGE = Failure(code="SshUnreachable", message="No answer.", hint="Look at it.")


def standing(unit, server="web-1"):
    return unit.planning.standings().get(server)


def what_history_says(unit, server, measured=None):
    """The same from all rows there are, without a thought for speed."""
    rows = sorted(
        unit.history.rows(server=server),
        key=lambda row: (row.run.epoch, row.run.started_at, row.run.run),
    )
    if not rows:
        return None if measured is None else Standing(server=server, measured_bytes=measured)
    verified = [row for row in rows if row.run.state is RunState.VERIFIED]
    proven = [
        row for row in verified if row.verification and row.verification.outcome is Outcome.PASSED
    ]
    since = rows[rows.index(verified[-1]) + 1 :] if verified else rows
    return Standing(
        server=server,
        copy=_copy(proven[-1]) if proven else None,
        attempt=attempt_of(rows[-1].run, sum(_has_failed(row.run) for row in since)),
        samples=samples_of([row.run for row in verified]),
        measured_bytes=measured,
        host=host_of(rows[-1].run.owner),
    )


def _has_failed(run):
    return run.is_final and (
        run.error is None or run.error.code not in {"Interrupted", "RunPaused"}
    )


def _copy(row):
    run, depth = row.run, row.verification.depth
    return VerifiedCopy(run=run.run, at=run.started_at, depth=depth, store=run.store)


class Fate:
    """Does to servers, at random, whatever can befall them."""

    def __init__(self, unit, clock, seed):
        self.unit, self.clock = unit, clock
        self.chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
        self.number = 0
        self.measured: dict[str, int] = {}

    def strike(self, server):
        # Mostly forward; the machine's clock is set back now and then.
        self.clock.pass_(self.chance.choice([1, 60, 3600, 90_000, -7200]))
        under_way = [run for run in self.unit.runs.unfinished() if run.server == server]
        deeds = [self.measure, self.adopt, self.look_again]
        deeds += [self.finish] * 4 + [self.fail, self.advance] if under_way else [self.claim] * 4
        self.chance.choice(deeds)(server, *under_way)

    def name(self):
        self.number += 1
        return f"20261123T060101Z-{self.number:06x}"

    def claim(self, server):
        lease = self.chance.choice([timedelta(days=9999), LAPSED])
        owner = f"ops-{self.chance.randrange(3)}:1:aa"
        claim(self.unit, self.name(), server=server, lease=lease, owner=owner)
        if lease is LAPSED and self.chance.random() < 0.5:
            claim(self.unit, self.name(), server=server)

    def advance(self, _, run):
        following = {"claimed": RunState.PULLING, "pulling": RunState.STORING}
        if run.state.value in following:
            self.unit.runs.save(advance(run, following[run.state.value], self.clock.now()))
        self.unit.runs.extend_lease(run, timedelta(days=self.chance.randrange(9)))

    def finish(self, server, run):
        if run.state is not RunState.CLAIMED:
            return self.fail(server, run)
        outcome = self.chance.choice([Outcome.PASSED, Outcome.PASSED, Outcome.FAILED])
        manifest = chained_manifest(self.unit, run.run, server=server)
        size = self.chance.randrange(10**13)
        finish(self.unit, run, manifest, at=self.clock.now(), outcome=outcome, bytes=size)
        return None

    def fail(self, _, run):
        end = self.chance.choice([RunState.FAILED, RunState.PARTIAL])
        error = self.chance.choice([OUTAGE, failure_of(RunPaused("It gave way."))])
        self.unit.runs.save(advance(run, end, self.clock.now(), error=error))

    def measure(self, server, *_):
        self.measured[server] = self.chance.randrange(3)
        self.unit.standings.measure(server, self.measured[server])

    def adopt(self, server, *_):
        found = a_run(
            run=self.name(),
            server=server,
            state=self.chance.choice([RunState.VERIFIED, RunState.PARTIAL]),
            started_at=self.clock.now(),
            finished_at=self.clock.now(),
            epoch=self.chance.randrange(1, 4),
        )
        self.unit.runs.adopt(found)

    def look_again(self, server, *_):
        known = self.unit.manifests.list(server=server)
        if known:
            record = self.chance.choice(known)
            look = a_verification(
                run=record.run,
                manifest_sha256=record.sha256,
                outcome=self.chance.choice(list(Outcome)),
                depth=self.chance.choice(list(Depth)),
                checked_at=self.clock.now(),
            )
            self.unit.verifications.record(look)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_a_standing_is_what_the_history_comes_to(open_unit, seed):
    with open_unit(clock=(clock := FakeClock())) as unit:
        fate, copies = Fate(unit, clock, seed), set()
        for _ in range(90):
            server = fate.chance.choice(["web-1", "web-2"])
            fate.strike(server)
            found = standing(unit, server)
            assert found == what_history_says(unit, server, fate.measured.get(server))
            copies.add(found and found.copy and found.copy.run)
        assert len(copies) > 3  # it was not about nothing
        kept = unit.planning.standings()
        unit.standings.rebuild()
        assert unit.planning.standings() == kept


def test_a_server_that_never_ran_has_no_standing(open_unit):
    with open_unit() as unit:
        assert standing(unit) is None


def test_a_verified_run_is_the_newest_copy_and_a_sample(open_unit):
    with open_unit(clock=FakeClock()) as unit:
        run = finish(unit, claim(unit))
        took = (run.finished_at - run.started_at).total_seconds()
        found = standing(unit)
        assert found.copy == VerifiedCopy(
            run=run.run, at=run.started_at, depth=Depth.STORED, store="main"
        )
        assert (found.attempt.state, found.attempt.failures) == (RunState.VERIFIED, 0)
        assert found.samples == (
            Sample(
                seconds=max(0.0, round(took, 3)),
                verify_seconds=20.0,
                bytes=3000,
                new_bytes=3000,
                gap_seconds=None,
            ),
        )
        assert found.host == "ops-1"


def test_damage_found_later_makes_the_copy_before_it_the_newest_again(open_unit):
    with open_unit() as unit:
        first = finish(unit, claim(unit, RUNS[0]))
        second = finish(unit, claim(unit, RUNS[1]), chained_manifest(unit, RUNS[1]))
        assert standing(unit).copy.run == second.run
        damage = a_verification(
            run=second.run,
            manifest_sha256=second.manifest_sha256,
            outcome=Outcome.FAILED,
            checked_at=NOW + timedelta(days=1),
        )
        unit.verifications.record(damage)
        assert standing(unit).copy.run == first.run
        unit.verifications.record(
            replace(damage, outcome=Outcome.PASSED, checked_at=NOW + timedelta(days=2))
        )
        assert standing(unit).copy.run == second.run


def test_a_clock_that_went_back_does_not_make_an_older_copy_the_newest(sqlite_url):
    # Where hosts share a database, its clock counts, which no test can set.
    engine, clock = open_engine(sqlite_url), FakeClock()
    with UnitOfWork(engine, clock=clock, actor="tester") as unit:
        finish(unit, claim(unit, RUNS[0]))
        clock.pass_(-400 * 86_400)
        finish(unit, claim(unit, RUNS[1]), chained_manifest(unit, RUNS[1]))
        assert standing(unit).copy.run == RUNS[1]


def test_failures_are_counted_until_something_complete_is_saved(open_unit):
    with open_unit() as unit:
        for name in RUNS[:3]:
            unit.runs.save(advance(claim(unit, name), RunState.FAILED, NOW, error=OUTAGE))
        claim(unit, RUNS[3], lease=LAPSED)
        assert standing(unit).attempt.failures == 3
        run = claim(unit, RUNS[4])
        assert standing(unit).attempt.failures == 4
        finish(unit, run)
        assert standing(unit).attempt.failures == 0


@pytest.mark.parametrize("error", [RunPaused("It gave way."), Interrupted("SIGTERM")])
def test_a_run_that_was_told_to_end_is_no_failure_and_hides_none(open_unit, error):
    """After it the server is not spared, and after the next failure as long as ever."""
    told = failure_of(error)
    with open_unit() as unit:
        unit.runs.save(advance(claim(unit, RUNS[0]), RunState.FAILED, NOW, error=OUTAGE))
        unit.runs.save(advance(claim(unit, RUNS[1]), RunState.PARTIAL, NOW, error=told))
        assert standing(unit).attempt.failures == 0
        unit.runs.save(advance(claim(unit, RUNS[2]), RunState.FAILED, NOW, error=OUTAGE))
        assert standing(unit).attempt.failures == 2
        assert standing(unit) == what_history_says(unit, "web-1")


def test_a_lease_extended_without_any_other_write_shows(open_unit):
    with open_unit() as unit:
        run = unit.runs.extend_lease(claim(unit), timedelta(hours=9))
        assert standing(unit).attempt.lease_until == run.lease_until


def test_only_the_newest_complete_runs_are_samples(open_unit):
    with open_unit() as unit:
        for number in range(12):
            name = f"20261123T060101Z-{number:06x}"
            run = claim(unit, name)
            finish(unit, run, chained_manifest(unit, name), bytes=number)
        assert [sample.bytes for sample in standing(unit).samples] == list(range(2, 12))
        assert standing(unit).samples[0].gap_seconds is not None


def test_a_measured_size_is_kept_and_told_once(open_unit):
    with open_unit() as unit:
        for size in (5, 5, 2**50):
            unit.standings.measure("web-1", size)
        claim(unit)
        assert standing(unit).measured_bytes == 2**50
        told = [event.payload for event in unit.audit.events() if event.kind == "server.measured"]
        assert len(told) == 2
        with pytest.raises(InvalidValue):
            unit.standings.measure("web-1", -1)


def test_a_standing_is_written_with_what_it_tells_of_or_not_at_all(open_unit):
    with open_unit() as unit:
        claim(unit)
    with open_unit(read_only=True) as unit:
        assert unit.planning.standings() == {}


def test_a_history_rebuilt_from_a_bucket_has_a_standing(open_unit):
    found = a_run(state=RunState.PARTIAL, finished_at=NOW)
    with open_unit() as unit:
        unit.runs.adopt(found)
        assert standing(unit).attempt.run == found.run
        assert standing(unit).samples == ()  # it was not complete


def test_of_many_adopted_runs_the_one_that_is_proven_is_found(open_unit):
    names = [f"20261123T060101Z-{number:06x}" for number in range(13)]
    document = unsigned_document(a_manifest(run=names[0]))
    signed = read_manifest(document)
    with open_unit() as unit:
        for number, name in enumerate(names):
            at = NOW + timedelta(hours=number)
            found = a_run(run=name, state=RunState.VERIFIED, started_at=at, finished_at=at)
            unit.runs.adopt(replace(found, manifest_sha256=signed.sha256))
        unit.manifests.adopt(signed, document)
        unit.verifications.record(a_verification(run=names[0], manifest_sha256=signed.sha256))
        assert standing(unit).copy.run == names[0]
        assert standing(unit).attempt.run == names[-1]
