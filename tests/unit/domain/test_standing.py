"""What runs took, and where they were made, as planning wants to know it."""

from datetime import timedelta

import pytest

from daemon.domain.outlook import Sample
from daemon.domain.run import RunState, advance
from daemon.domain.standing import SAMPLES, attempt_of, host_of, samples_of
from tests.factories import NOW, a_run

DAY = timedelta(days=1)


def complete(number=0, **changes):
    """A run on the day of that number: ten minutes, of which the proof took four."""
    start = NOW + number * DAY
    given = {
        "started_at": start,
        "verifying_at": start + timedelta(minutes=6),
        "finished_at": start + timedelta(minutes=10),
        "bytes": 1000 + number,
        "new_bytes": number,
    }
    return a_run(state=RunState.VERIFIED, **(given | changes))


def test_a_sample_says_how_long_how_much_and_since_when():
    first, second = samples_of([complete(0), complete(2)])
    assert first == Sample(
        seconds=600.0, verify_seconds=240.0, bytes=1000, new_bytes=0, gap_seconds=None
    )
    assert (second.gap_seconds, second.new_bytes) == (172_800.0, 2)


def test_no_runs_are_no_samples():
    assert samples_of([]) == ()


def test_the_newest_samples_are_kept_and_the_gap_of_the_first_of_them_is_known():
    samples = samples_of([complete(number) for number in range(SAMPLES + 1)])
    assert len(samples) == SAMPLES
    assert [sample.new_bytes for sample in samples] == list(range(1, SAMPLES + 1))
    assert samples[0].gap_seconds == 86_400.0


def test_a_run_of_which_nobody_noted_when_its_proof_began_has_no_time_for_it():
    (sample,) = samples_of([complete(verifying_at=None, bytes=None, new_bytes=None)])
    assert (sample.seconds, sample.verify_seconds) == (600.0, 0.0)
    assert (sample.bytes, sample.new_bytes) == (0, 0)


def test_a_clock_that_went_back_makes_nothing_shorter_than_nothing():
    _, sample = samples_of([complete(5), complete(0, finished_at=NOW - DAY)])
    assert (sample.seconds, sample.verify_seconds, sample.gap_seconds) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("owner", "host"),
    [("ops-1:4711:4026531836-aabb", "ops-1"), ("fe80::1:4711:0-aa", "fe80::1"), ("ops", "ops")],
)
def test_the_host_is_read_off_the_owner(owner, host):
    assert host_of(owner) == host


def test_an_attempt_is_the_run_and_how_often_it_failed_before():
    run = complete()
    attempt = attempt_of(run, 3)
    assert (attempt.run, attempt.failures, attempt.finished_at) == (run.run, 3, run.finished_at)


def test_a_run_knows_when_its_proof_began():
    run = a_run(state=RunState.STORING)
    proving = advance(run, RunState.VERIFYING, NOW + DAY)
    assert (run.verifying_at, proving.verifying_at) == (None, NOW + DAY)
    ended = advance(proving, RunState.PARTIAL, NOW + 2 * DAY)
    assert ended.verifying_at == NOW + DAY
