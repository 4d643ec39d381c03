"""One daemon on a database that is one file: the living are respected, the dead not for long."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from daemon.errors import DaemonActive
from daemon.services.housekeeping import PRESENCE, Presence
from daemon.store.engine import open_engine
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import NOW, FakeClock

#: A container whose processes nobody here can see.
OTHER = "ops-2:1:abcdef-aa"


@dataclass(kw_only=True)
class Harbour:
    """A new daemon that waits to be alone; time passes only while it waits."""

    units: Callable[..., UnitOfWork]
    clock: FakeClock
    told: list[str] = field(default_factory=list)
    while_waiting: Callable[[], bool] = lambda: False

    def announce(self, owner: str) -> None:
        with self.units(at_once=True) as unit:
            unit.hosts.announce(owner, "ops-2", 2, for_=PRESENCE)
            unit.commit()

    def await_alone(self, *gone: str) -> bool:
        presence = Presence(units=self.units, owner="ops-1:1:fff-bb", host="ops-1", slots=lambda: 2)
        return presence.await_alone(gone, self.wait, self.told.append)

    def wait(self, seconds: float) -> bool:
        self.clock.pass_(seconds)
        assert self.clock.at - NOW < timedelta(minutes=9), "it waits for ever"
        return self.while_waiting()


@pytest.fixture
def harbour(sqlite_url: str) -> Harbour:
    engine, clock = open_engine(sqlite_url), FakeClock()

    def units(**given: bool) -> UnitOfWork:
        return UnitOfWork(engine, clock=clock, actor="test", **given)

    return Harbour(units=units, clock=clock)


def test_where_nobody_else_is_nothing_is_waited_for(harbour: Harbour) -> None:
    assert harbour.await_alone()
    assert (harbour.told, harbour.clock.at) == ([], NOW)


def test_a_daemon_that_was_killed_out_of_sight_is_waited_for_and_then_forgotten(
    harbour: Harbour,
) -> None:
    harbour.announce(OTHER)
    harbour.clock.pass_(30)

    assert harbour.await_alone()

    assert timedelta(seconds=90) <= harbour.clock.at - NOW < timedelta(seconds=95)
    (said,) = harbour.told
    assert OTHER in said
    assert "60 seconds" in said


def test_a_daemon_that_says_something_while_it_is_waited_for_is_respected(
    harbour: Harbour,
) -> None:
    harbour.announce(OTHER)

    def live_on() -> bool:
        if harbour.clock.at - NOW > timedelta(seconds=30):
            harbour.announce(OTHER)
        return False

    harbour.while_waiting = live_on
    with pytest.raises(DaemonActive, match=OTHER):
        harbour.await_alone()


def test_a_daemon_that_comes_while_another_is_waited_for_is_respected(harbour: Harbour) -> None:
    harbour.announce(OTHER)

    def come() -> bool:
        harbour.announce("ops-3:1:abcdef-cc")
        return False

    harbour.while_waiting = come
    with pytest.raises(DaemonActive, match="ops-3"):
        harbour.await_alone()


def test_a_daemon_that_is_known_to_be_gone_is_not_waited_for(harbour: Harbour) -> None:
    harbour.announce(OTHER)
    assert harbour.await_alone(OTHER)
    assert harbour.told == []


def test_whoever_is_told_to_end_waits_no_longer(harbour: Harbour) -> None:
    harbour.announce(OTHER)
    harbour.while_waiting = lambda: True
    assert not harbour.await_alone()
