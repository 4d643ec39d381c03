"""What evidence is worth."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.verification import Depth, Outcome, strongest
from daemon.errors import InvalidValue
from tests.factories import NOW, RUN, a_verification, digest

OTHER_RUN = "20261124T060101Z-aaaaaa"


def find(*verifications):
    return strongest(verifications, run=RUN, manifest_sha256=digest("manifest"))


def after(minutes: int, depth: Depth, outcome: Outcome = Outcome.PASSED):
    return a_verification(checked_at=NOW + timedelta(minutes=minutes), depth=depth, outcome=outcome)


def test_depths_compare_by_strength_and_not_by_spelling():
    assert Depth.LISTED < Depth.STORED < Depth.HASHED < Depth.RESTORED
    with pytest.raises(TypeError):
        assert Depth.LISTED < "stored"
    assert max(Depth) is Depth.RESTORED
    assert Depth("hashed") >= Depth.HASHED


def test_the_deepest_pass_stands_and_the_newest_of_equals():
    deep, shallow = after(0, Depth.HASHED), after(9, Depth.STORED)
    assert find(shallow, deep) == deep
    assert find(deep, after(5, Depth.HASHED)).checked_at == NOW + timedelta(minutes=5)


def test_old_verifications_never_make_a_newer_run_look_proven():
    assert find(a_verification(run=OTHER_RUN, depth=Depth.RESTORED)) is None


def test_evidence_about_another_manifest_of_the_same_run_does_not_count():
    assert find(a_verification(manifest_sha256=digest("forged"))) is None


def test_a_later_failure_takes_back_what_passed_before():
    failed = after(5, Depth.STORED, Outcome.FAILED)
    assert find(after(0, Depth.RESTORED), failed) == failed


def test_a_shallow_pass_does_not_answer_a_deep_failure():
    failed = after(5, Depth.HASHED, Outcome.FAILED)
    assert find(failed, after(9, Depth.STORED)) == failed
    assert find(failed, after(9, Depth.HASHED)).outcome is Outcome.PASSED


def test_after_an_answered_failure_only_what_passed_since_counts():
    failed = after(5, Depth.STORED, Outcome.FAILED)
    again = after(9, Depth.STORED)
    assert find(after(0, Depth.RESTORED), failed, again) == again


def test_a_check_that_broke_off_proves_nothing_either_way():
    broken = after(9, Depth.RESTORED, Outcome.INCOMPLETE)
    passed = after(0, Depth.STORED)
    assert find(passed, broken) == passed
    assert find(broken) == broken
    assert find() is None


CHECKS = st.lists(
    st.builds(
        after, st.integers(0, 50), st.sampled_from(list(Depth)), st.sampled_from(list(Outcome))
    )
)


@given(CHECKS)
def test_the_order_of_the_evidence_does_not_matter_and_a_pass_postdates_every_failure(checks):
    standing = find(*checks)
    reverse = find(*reversed(checks))
    assert (standing and standing.outcome) == (reverse and reverse.outcome)
    if standing is not None and standing.outcome is Outcome.PASSED:
        failures = [c for c in checks if c.outcome is Outcome.FAILED]
        assert all(failure.checked_at < standing.checked_at for failure in failures)


def test_evidence_names_a_real_digest():
    with pytest.raises(InvalidValue):
        a_verification(manifest_sha256="abc")
