"""Every exit code means one thing."""

import pytest

from backends.rsync.exit_codes import Verdict, exit_meaning


@pytest.mark.parametrize("code", [10, 12, 30, 35, 255])
def test_a_broken_line_is_worth_another_attempt(code: int) -> None:
    meaning = exit_meaning(code)

    assert meaning.verdict is Verdict.INTERRUPTED
    assert meaning.retryable


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (0, Verdict.COMPLETE),
        (24, Verdict.VANISHED),
        (23, Verdict.PARTIAL),
        (11, Verdict.LOCAL),
        (1, Verdict.MISUNDERSTOOD),
        (22, Verdict.FAILED),
        (25, Verdict.FAILED),
    ],
)
def test_the_other_codes_are_told_apart(code: int, verdict: Verdict) -> None:
    assert exit_meaning(code).verdict is verdict
    assert not exit_meaning(code).retryable


@pytest.mark.parametrize("code", [6, 7, 17, 99, 200, -9, -25])
def test_what_is_not_known_is_a_failure(code: int) -> None:
    meaning = exit_meaning(code)

    assert meaning.verdict is Verdict.FAILED
    assert str(abs(code)) in meaning.reason
