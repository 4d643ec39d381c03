"""Daemons that share a database know of one another, and of nobody who is gone."""

from datetime import timedelta

from tests.factories import NOW, FakeClock

FOR = timedelta(seconds=30)
GONE = timedelta(seconds=-1)


def announce(unit, owner="ops-1:1:aa", for_=FOR, **changes):
    given = {"host": owner.partition(":")[0], "slots": 2} | changes
    return unit.hosts.announce(owner, for_=for_, **given)


def test_a_daemon_that_announces_itself_is_known_to_the_others(open_unit):
    with open_unit(at_once=True) as unit:
        first = announce(unit)
        unit.commit()
    with open_unit(at_once=True) as unit:
        second = announce(unit, "ops-2:1:bb", slots=4)
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.hosts.alive() == (first, second)
        assert (second.host, second.slots) == ("ops-2", 4)
        assert second.seen_until - second.started_at == FOR


def test_announcing_again_prolongs_and_corrects_what_is_known(open_unit):
    with open_unit(at_once=True) as unit:
        first = announce(unit)
        again = announce(unit, for_=2 * FOR, slots=1)
        assert unit.hosts.alive() == (again,)
        assert again.started_at == first.started_at
        assert again.seen_until > first.seen_until
        assert again.slots == 1


def test_a_daemon_that_left_or_was_not_heard_of_is_not_reckoned_with(open_unit):
    with open_unit(at_once=True) as unit:
        announce(unit)
        announce(unit, "ops-2:1:bb")
        announce(unit, "ops-2:1:bb", for_=GONE)
        assert [host.owner for host in unit.hosts.alive()] == ["ops-1:1:aa"]
        unit.hosts.leave("ops-1:1:aa")
        assert unit.hosts.alive() == ()
        returned = announce(unit, "ops-2:1:bb")
        assert unit.hosts.alive() == (returned,)


def test_who_is_there_is_not_history(open_unit):
    with open_unit(at_once=True) as unit:
        announce(unit)
        assert list(unit.audit.events()) == []


def test_it_is_the_shared_clock_that_says_who_is_there(open_unit, database_url):
    with open_unit(clock=FakeClock(NOW - timedelta(days=400)), at_once=True) as unit:
        host = announce(unit)
        shared = database_url.startswith("postgresql")
        assert (host.started_at > NOW - timedelta(days=300)) is shared
