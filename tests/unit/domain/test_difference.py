"""An import adds and changes, and says exactly what; it takes nothing away."""

from dataclasses import replace

from hypothesis import given, settings

from daemon.domain.contract import Expiry, close
from daemon.domain.difference import Change, compare, warnings
from daemon.domain.fleet import Fleet
from tests.factories import HOST_KEY, NOW, a_contract, a_server
from tests.fleets import fleets

OTHER_KEY = HOST_KEY.replace("AIJ0", "AIJ1")


@given(fleets())
@settings(max_examples=30, deadline=None)
def test_a_fleet_does_not_differ_from_itself(fleet: Fleet) -> None:
    difference = compare(fleet, fleet)

    assert not difference
    assert difference.servers.unchanged == len(fleet.servers)
    assert difference.contracts.unchanged == len(fleet.contracts)


def test_each_changed_key_is_shown_with_both_values() -> None:
    old = a_server()
    new = replace(old, port=2222, labels=("prod",))
    (changed,) = compare(Fleet(servers=(old,)), Fleet(servers=(new,))).servers.changed

    assert changed.changes == (
        Change(key="port", old=22, new=2222),
        Change(key="labels", old=(), new=("prod",)),
    )


def test_what_is_not_wanted_is_named_and_left_alone() -> None:
    recorded = Fleet(servers=(a_server(name="b"), a_server(name="a")))
    difference = compare(recorded, Fleet())

    assert not difference
    assert difference.servers.absent == ("a", "b")


def test_a_closed_contract_is_not_missed() -> None:
    closed = close(a_contract(), reason="migrated", who="li", at=NOW)

    assert compare(Fleet(contracts=(closed,)), Fleet()).contracts.absent == ()


def test_when_something_was_recorded_makes_no_difference() -> None:
    later = a_contract(created_at=NOW.replace(year=2027))

    assert not compare(Fleet(contracts=(a_contract(),)), Fleet(contracts=(later,)))


def moved(expiry: Expiry) -> list[str]:
    """The warnings about a contract that moves there from the end of 2026."""
    recorded = Fleet(contracts=(a_contract(),))
    difference = compare(recorded, Fleet(contracts=(a_contract(expiry=expiry),)))
    assert [each.new.name for each in difference.moved] == ["web-2026"]
    return list(warnings(difference, NOW))


def test_a_later_date_needs_no_warning() -> None:
    assert moved(Expiry(text="2027-12-31", timezone="Asia/Shanghai")) == []


def test_an_earlier_date_is_warned_of() -> None:
    (warning,) = moved(Expiry(text="2026-12-01", timezone="Asia/Shanghai"))

    assert warning.startswith("The contract web-2026 ends earlier now: 2026-12-01")


def test_losing_the_zone_is_an_earlier_end() -> None:
    (warning,) = moved(Expiry(text="2026-12-31"))

    assert "ends earlier now" in warning


def test_a_date_that_is_past_is_warned_of() -> None:
    assert any("has expired already" in warning for warning in moved(Expiry(text="2026-11-01")))


def test_another_host_key_is_warned_of() -> None:
    old, new = a_server(), a_server(host_key=OTHER_KEY)
    difference = compare(Fleet(servers=(old,)), Fleet(servers=(new,)))

    assert list(warnings(difference, NOW)) == ["The pinned host key of the server web-1 changes."]
