"""Bytes a second that several share: what is owed, and what time pays."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.pacing import Bucket


@dataclass
class Moment:
    """A clock that is set."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Limit:
    """A rate that is set."""

    rate: int | None

    def __call__(self) -> int | None:
        return self.rate


def test_what_was_moved_is_owed_until_time_has_paid_it() -> None:
    clock = Moment()
    bucket = Bucket(Limit(100), monotonic=clock)

    bucket.spend(250)

    assert bucket.due() == pytest.approx(2.5)
    clock.seconds = 2
    assert bucket.due() == pytest.approx(0.5)
    clock.seconds = 3
    assert bucket.due() == 0


def test_idle_time_is_no_credit_for_later() -> None:
    clock = Moment()
    bucket = Bucket(Limit(100), monotonic=clock)
    clock.seconds = 1000

    bucket.spend(100)

    assert bucket.due() == pytest.approx(1)


def test_a_debt_is_paid_at_the_new_rate_once_it_changes() -> None:
    clock, limit = Moment(), Limit(100)
    bucket = Bucket(limit, monotonic=clock)
    bucket.spend(1000)

    limit.rate = 1000

    assert bucket.due() == pytest.approx(1)


def test_nothing_is_owed_without_a_limit() -> None:
    limit = Limit(1)
    bucket = Bucket(limit, monotonic=Moment())
    bucket.spend(1 << 40)

    limit.rate = None

    assert bucket.due() == 0


def test_what_was_owed_is_forgiven_while_there_is_no_limit() -> None:
    clock, limit = Moment(), Limit(100)
    bucket = Bucket(limit, monotonic=clock)
    bucket.spend(1000)
    limit.rate = None
    bucket.spend(1000)
    bucket.due()

    limit.rate = 100

    assert bucket.due() == 0


@given(st.lists(st.integers(1, 10_000), min_size=1), st.integers(1, 1000))
def test_who_waits_each_time_keeps_within_the_rate(amounts: list[int], rate: int) -> None:
    clock = Moment()
    bucket = Bucket(Limit(rate), monotonic=clock)
    for amount in amounts:
        clock.seconds += bucket.due()
        bucket.spend(amount)

    assert sum(amounts[:-1]) <= rate * clock.seconds * (1 + 1e-9)
