"""Terms are added by the calendar, in civil time, and never in a contract's favour by mistake."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.contract import Expiry
from daemon.domain.preset import RenewalBasis
from daemon.domain.term import add_term, prolong
from daemon.errors import InvalidValue, UnknownTimeZone

DATES = st.dates(date(1971, 1, 1), date(9000, 1, 1))
BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "term", "end"),
    [
        pytest.param("2026-12-31", "1y", "2027-12-31", id="a year later is the same day"),
        pytest.param("2028-02-29", "1y", "2029-02-28", id="a year after a leap day is the 28th"),
        pytest.param("2028-02-29", "4y", "2032-02-29", id="four years after it is one again"),
        pytest.param("2096-02-29", "4y", "2100-02-28", id="but 2100 has no leap day"),
        pytest.param("2027-02-28", "1y", "2028-02-28", id="the 28th does not become the 29th"),
        pytest.param("2026-01-31", "1mo", "2026-02-28", id="a month's end stays in the next month"),
        pytest.param("2026-08-31", "6mo", "2027-02-28", id="over the year's end as well"),
        pytest.param(
            "2026-11-30", "1mo", "2026-12-30", id="a shorter month's end is kept as it is"
        ),
        pytest.param("2026-12-31", "12mo", "2027-12-31", id="twelve months are a year"),
        pytest.param("2026-02-15", "30d", "2026-03-17", id="days are days"),
        pytest.param("2028-02-29", "365d", "2029-02-28", id="also over a leap day"),
        pytest.param("2027-01-31", "1mo1d", "2027-03-01", id="months come first, then days"),
        pytest.param("2026-12-31", "1y6mo", "2028-06-30", id="years and months go together"),
        pytest.param(
            "2026-12-31T18:00", "1y", "2027-12-31T18:00", id="the time of day stays to the minute"
        ),
        pytest.param("2026-12-31T23:59:59", "6mo", "2027-06-30T23:59:59", id="and to the second"),
    ],
)
def test_a_term_leads_to_the_day_that_the_calendar_has(start, term, end):
    assert add_term(Expiry(text=start), term).text == end


@pytest.mark.parametrize(
    ("start", "term", "instant"),
    [
        pytest.param(
            "2026-03-28T02:30", "1d", "2026-03-29T00:30", id="a time that clocks skip comes early"
        ),
        pytest.param(
            "2026-10-24T02:30", "1d", "2026-10-25T00:30", id="of a time shown twice, the first"
        ),
        pytest.param(
            "2026-01-31T18:00", "6mo", "2026-07-31T16:00", id="the same hour by the summer's clocks"
        ),
        pytest.param(
            "2026-07-31T18:00", "6mo", "2027-01-31T17:00", id="and by the winter's clocks"
        ),
    ],
)
def test_a_term_is_counted_in_civil_time(start, term, instant):
    assert add_term(Expiry(text=start, timezone=BERLIN), term).instant() == utc(instant)


@pytest.mark.parametrize(
    "term", ["", "y", "0y", "0mo0d", "1", "1m", "1w", "1.5y", "-1y", "1d1y", "1 y", "1Y", "1y\n"]
)
def test_what_is_no_term_is_refused(term):
    with pytest.raises(InvalidValue, match="is not a term"):
        add_term(Expiry(text="2026-12-31"), term)


@pytest.mark.parametrize("term", ["999y", "9999mo", "99999d"])
def test_a_term_that_leads_out_of_the_calendar_is_refused(term):
    with pytest.raises(InvalidValue, match="out of range"):
        add_term(Expiry(text="9990-12-31"), term)


@given(DATES, st.integers(1, 600), st.integers(0, 400))
def test_a_month_is_never_shorter_than_28_days_nor_longer_than_31(day, months, days):
    end = date.fromisoformat(add_term(Expiry(text=day.isoformat()), f"{months}mo{days}d").text)
    assert 28 * months + days <= (end - day).days <= 31 * months + days


@given(DATES, DATES, st.integers(1, 600))
def test_of_two_expiries_the_earlier_one_stays_the_earlier(one, other, months):
    first, second = sorted((one, other))
    term = f"{months}mo"
    ends = [add_term(Expiry(text=day.isoformat()), term).text for day in (first, second)]
    assert ends == sorted(ends)


@given(DATES, st.integers(1, 50))
def test_years_are_twelve_months_each(day, years):
    expiry = Expiry(text=day.isoformat())
    assert add_term(expiry, f"{years}y") == add_term(expiry, f"{12 * years}mo")


@pytest.mark.parametrize(
    ("basis", "now", "end"),
    [
        pytest.param("old-expiry", "2026-12-20", "2027-12-31", id="in time, from the expiry"),
        pytest.param("payment", "2026-12-20", "2027-12-31", id="in time, wherever late ones count"),
        pytest.param("old-expiry", "2027-01-10", "2027-12-31", id="late, from the old expiry"),
        pytest.param("unknown", "2027-01-10", "2027-12-31", id="late and unknown, the earlier one"),
        pytest.param("payment", "2027-01-10", "2028-01-10", id="late, from the payment"),
    ],
)
def test_a_late_renewal_counts_from_where_the_provider_says(basis, now, end):
    old = Expiry(text="2026-12-31", timezone="UTC")
    until, _ = prolong(old, "1y", RenewalBasis(basis), utc(now))
    assert until == Expiry(text=end, timezone="UTC")


def test_how_a_term_was_counted_is_said():
    old, late = Expiry(text="2026-12-31", timezone="UTC"), utc("2027-01-10")
    said = {basis: prolong(old, "1y", basis, late)[1] for basis in RenewalBasis}
    assert "from the old expiry, 2026-12-31." in said[RenewalBasis.OLD_EXPIRY]
    assert "from the payment, 2027-01-10." in said[RenewalBasis.PAYMENT]
    assert "nobody says" in said[RenewalBasis.UNKNOWN]


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        pytest.param("2026-12-31", "Asia/Shanghai", "2027-01-11", id="the day in the zone"),
        pytest.param("2026-12-31", None, "2027-01-10", id="without a zone the earliest day"),
        pytest.param("2026-12-31T09:00", "Asia/Shanghai", "2027-01-11T01:30", id="to the minute"),
    ],
)
def test_today_is_the_contracts_today(text, zone, day):
    payment, now = RenewalBasis.PAYMENT, utc("2027-01-10T17:30")
    until, _ = prolong(Expiry(text=text, timezone=zone), "1y", payment, now)
    assert until.text == day.replace("2027", "2028")


def test_a_zone_that_nobody_knows_is_refused():
    with pytest.raises(UnknownTimeZone):
        prolong(
            Expiry(text="2026-12-31", timezone="Mars/Olympus"),
            "1y",
            RenewalBasis.PAYMENT,
            utc("2027-01-10"),
        )


@given(DATES, st.sampled_from(list(RenewalBasis)), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_paying_late_never_loses_what_paying_in_time_gains(day, basis, late):
    expiry = Expiry(text=day.isoformat(), timezone="UTC")
    until, _ = prolong(expiry, "1y", basis, expiry.instant() + late)
    assert until.text >= add_term(expiry, "1y").text
