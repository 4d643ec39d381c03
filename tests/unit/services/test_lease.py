"""A lease is renewed while the run works, and stops it when it is lost."""

import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

import pytest

from daemon.errors import ClaimLost, DatabaseBusy, Interrupted
from daemon.services.lease import LEASE, keep_lease
from daemon.services.stopping import Stopping
from tests.factories import FakeClock, a_run


class Database:
    """Stands in for units of work; each renewal meets the next answer, the last one for ever."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.renewals = 0
        self.answered = threading.Event()
        self.runs = self

    def __call__(self, **_: bool) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None: ...

    def commit(self) -> None: ...

    def extend_lease(self, _: object, lease: timedelta) -> None:
        assert lease == LEASE
        self.renewals += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not self.answers[0] or self.renewals > 20:
            self.answered.set()
        if answer is not None:
            raise answer


def test_a_lease_that_is_renewed_holds() -> None:
    database = Database(None)
    with keep_lease(a_run(), database, FakeClock()) as lease:
        assert database.answered.wait(10)
        lease.check()
    assert not lease.stop.is_set()


def test_a_lease_that_somebody_else_has_stops_the_run() -> None:
    with keep_lease(a_run(), Database(ClaimLost("taken over")), FakeClock()) as lease:
        assert lease.stop.wait(10)
        with pytest.raises(ClaimLost, match="taken over"):
            lease.check()


def test_a_database_that_is_busy_for_a_moment_costs_nothing() -> None:
    database = Database(DatabaseBusy("busy"), DatabaseBusy("busy"), None)
    with keep_lease(a_run(), database, FakeClock()) as lease:
        assert database.answered.wait(10)
        lease.check()


def test_a_lease_that_lapses_unrenewed_is_lost() -> None:
    with keep_lease(a_run(), Database(DatabaseBusy("busy")), FakeClock()) as lease:
        assert lease.stop.wait(10)
        with pytest.raises(ClaimLost, match="could not be renewed: busy"):
            lease.check()


def test_the_caller_can_end_it_too_and_it_stays_his() -> None:
    stopping = Stopping()
    with keep_lease(a_run(), Database(None), FakeClock(), stopping) as lease:
        assert lease.stopping is stopping
        stopping.ask(Interrupted("enough"))
        assert lease.stop.is_set()
        lease.check()
