"""Which states follow which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.run import FINAL_STATES, Failure, Run, RunState, advance
from daemon.errors import IllegalTransition, InvalidValue
from tests.factories import NOW, a_run, captured, digest

REFUSED = Failure(code="LoginRefused", message="No.", hint="Put the key there.")


def good_run_until(state: RunState) -> Run:
    run = a_run()
    for following in (RunState.PULLING, RunState.STORING, RunState.VERIFYING, RunState.VERIFIED):
        if run.state is state:
            break
        run = advance(run, following, NOW, captured=captured(), manifest_sha256=digest("manifest"))
    return run


def test_a_good_run_goes_from_claimed_to_verified_and_keeps_what_it_learned():
    run = good_run_until(RunState.VERIFIED)
    assert run.is_final
    assert run.finished_at == NOW
    assert (run.files, run.stored_bytes, run.snapshot) == (3, 1200, digest("snapshot"))


@given(st.sampled_from(list(RunState)), st.sampled_from(list(RunState)))
def test_nothing_follows_an_end_and_nothing_goes_back(state, following):
    run = a_run() if state in FINAL_STATES else good_run_until(state)
    if state in FINAL_STATES:
        run = advance(run, RunState.FAILED, NOW, error=REFUSED)
    order = list(RunState)
    backward = order.index(following) <= order.index(run.state)
    if run.is_final or (backward and following not in FINAL_STATES):
        with pytest.raises(IllegalTransition):
            advance(run, following, NOW, captured=captured(), error=REFUSED)


@pytest.mark.parametrize("state", [s for s in RunState if s not in FINAL_STATES])
def test_a_run_can_fail_from_anywhere_with_its_reason(state):
    run = advance(good_run_until(state), RunState.FAILED, NOW, error=REFUSED)
    assert run.error == REFUSED
    assert run.finished_at == NOW


def test_stages_are_not_skipped():
    for following in (RunState.STORING, RunState.VERIFYING, RunState.VERIFIED):
        with pytest.raises(IllegalTransition):
            advance(a_run(), following, NOW)


def test_nothing_is_verified_without_a_snapshot_and_a_manifest():
    run = good_run_until(RunState.PULLING)
    run = advance(a_run(), RunState.PULLING, NOW)
    run = advance(advance(run, RunState.STORING, NOW), RunState.VERIFYING, NOW)
    with pytest.raises(IllegalTransition, match="manifest"):
        advance(run, RunState.VERIFIED, NOW, captured=captured())
    with pytest.raises(IllegalTransition, match="manifest"):
        advance(run, RunState.VERIFIED, NOW, manifest_sha256=digest("manifest"))


def test_a_failure_has_a_reason_and_a_good_end_has_none():
    with pytest.raises(IllegalTransition, match="error"):
        advance(a_run(), RunState.FAILED, NOW)
    with pytest.raises(IllegalTransition, match="error"):
        advance(a_run(), RunState.PULLING, NOW, error=REFUSED)


def test_a_run_cannot_be_built_ended_without_an_end():
    with pytest.raises(InvalidValue):
        a_run(state=RunState.VERIFIED)
    with pytest.raises(InvalidValue):
        a_run(finished_at=NOW)
