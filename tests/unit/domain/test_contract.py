"""When contracts end, and what people may record about them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.contract import ContractState, Expiry, Precision, close, renew
from daemon.errors import InvalidValue, UnknownTimeZone
from tests.factories import NOW, a_contract


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        pytest.param(
            "2026-12-31", "Asia/Shanghai", "2026-12-30T16:00", id="a bare date is its midnight"
        ),
        pytest.param(
            "2026-12-31", None, "2026-12-30T10:00", id="without a zone it ends first in Kiribati"
        ),
        pytest.param(
            "2026-12-31T18:00", None, "2026-12-31T04:00", id="so does a time without a zone"
        ),
        pytest.param(
            "2026-12-31T18:00", "Europe/Berlin", "2026-12-31T17:00", id="a time in its zone"
        ),
        pytest.param("2026-12-31T23:59:59", "UTC", "2026-12-31T23:59:59", id="to the second"),
        pytest.param(
            "2026-10-25T02:30",
            "Europe/Berlin",
            "2026-10-25T00:30",
            id="a time that clocks show twice means the first",
        ),
        pytest.param(
            "2026-03-29T02:30",
            "Europe/Berlin",
            "2026-03-29T00:30",
            id="a time that clocks skip is read as early as it can be",
        ),
        pytest.param(
            "2018-11-04",
            "America/Sao_Paulo",
            "2018-11-04T02:00",
            id="a day without a midnight begins no later than its first minute",
        ),
        pytest.param(
            "2011-12-30",
            "Pacific/Apia",
            "2011-12-29T10:00",
            id="a day that a country skipped counts as early as it could have begun",
        ),
        pytest.param("2028-02-29", "UTC", "2028-02-29T00:00", id="a leap day"),
    ],
)
def test_an_expiry_means_its_earliest_instant(text, zone, instant):
    assert Expiry(text=text, timezone=zone).instant() == utc(instant)


@given(
    st.dates(utc("1971-01-01").date(), utc("9997-01-01").date()),
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12"]),
)
def test_not_knowing_the_zone_is_never_later_than_knowing_it(day, zone):
    unknown = Expiry(text=day.isoformat())
    assert unknown.instant() <= Expiry(text=day.isoformat(), timezone=zone).instant()


def test_precision_follows_from_what_is_written():
    assert Expiry(text="2026-12-31").precision is Precision.DAY
    assert Expiry(text="2026-12-31T18:00").precision is Precision.MINUTE
    assert Expiry(text="2026-12-31T18:00:30").precision is Precision.SECOND


@pytest.mark.parametrize(
    "text",
    ["", "31.12.2026", "2026-02-30", "2026-12-31 18:00", "2026-12-31T25:00", "9999-12-31", "1-1-1"],
)
def test_what_is_not_a_civil_time_is_refused(text):
    with pytest.raises(InvalidValue):
        Expiry(text=text)


def test_a_zone_that_does_not_exist_is_its_own_error():
    with pytest.raises(UnknownTimeZone):
        Expiry(text="2026-12-31", timezone="../../etc/passwd")
    with pytest.raises(UnknownTimeZone):
        Expiry(text="2026-12-31", timezone="Mars/Olympus").instant()
    with pytest.raises(UnknownTimeZone):
        Expiry(text="2026-12-31", timezone="Asia").instant()


def test_a_renewal_moves_the_expiry_and_keeps_who_when_and_why():
    until = Expiry(text="2027-12-31", timezone="Asia/Shanghai")
    contract, renewal = renew(a_contract(), until, evidence="order 4711", who="li", at=NOW)
    assert contract.expiry == until
    assert renewal.old_expiry == a_contract().expiry
    assert (renewal.evidence, renewal.who, renewal.at) == ("order 4711", "li", NOW)


@pytest.mark.parametrize("until", ["2026-11-01", "2026-12-30", "2026-12-31"])
def test_a_renewal_that_gains_no_time_needs_force(until):
    expiry = Expiry(text=until, timezone="Asia/Shanghai")
    with pytest.raises(InvalidValue) as refused:
        renew(a_contract(), expiry, evidence="x", who="li", at=NOW)
    assert "--force" in refused.value.hint
    contract, _ = renew(a_contract(), expiry, evidence="x", who="li", at=NOW, force=True)
    assert contract.expiry == expiry


def test_a_renewal_without_evidence_is_no_renewal():
    with pytest.raises(InvalidValue, match="evidence"):
        renew(a_contract(), Expiry(text="2028-01-01"), evidence=" ", who="li", at=NOW)


def test_a_closed_contract_stays_as_it_is():
    closed = close(a_contract(), reason="migrated", who="li", at=NOW)
    assert closed.state is ContractState.CLOSED
    assert (closed.closed_reason, closed.closed_by, closed.closed_at) == ("migrated", "li", NOW)
    with pytest.raises(InvalidValue, match="closed"):
        close(closed, reason="again", who="li", at=NOW)
    with pytest.raises(InvalidValue, match="closed"):
        renew(closed, Expiry(text="2028-01-01"), evidence="x", who="li", at=NOW)


def test_a_contract_names_each_of_its_servers_once():
    assert a_contract(servers=("a", "b", "a")).servers == ("a", "b")


def test_a_contract_is_about_servers_stores_or_something_in_words():
    with pytest.raises(InvalidValue, match="about nothing"):
        a_contract(servers=())
    assert a_contract(servers=(), stores=("main",)).stores == ("main",)
    assert a_contract(servers=(), subject="the ops host").subject == "the ops host"


def test_a_contract_is_not_closed_without_a_date():
    with pytest.raises(InvalidValue):
        a_contract(state=ContractState.CLOSED)
    with pytest.raises(InvalidValue):
        a_contract(closed_at=NOW - timedelta(days=1))
