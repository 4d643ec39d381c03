"""How long runs take over lines that are slow by day and fast by night."""

from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.bandwidth import Stretch, raise_to, slowest_of
from daemon.domain.estimate import estimate_run
from daemon.domain.line import Tables, tables_of
from daemon.domain.outlook import Outlook, Sample
from daemon.domain.plan import Assumptions, Estimate, Limits
from tests.unit.domain.fleets import a_server, runs_of
from tests.unit.domain.test_estimate import GAPS, MIB, OUTLOOKS, QUANTILES, UNKNOWN

#: What takes no time but the transfer, and no safety on top.
BARE = Assumptions(overhead=timedelta(), safety=1.0, rate=100 * MIB)
BY_DAY, BY_NIGHT = MIB, 10 * MIB
OFFICE = (Stretch(begin=time(8), rate=BY_DAY), Stretch(begin=time(18), rate=BY_NIGHT))
HOUR = timedelta(hours=1)

rates = st.integers(1024, 10**9)
days = st.lists(st.times(), min_size=2, max_size=4, unique=True).flatmap(
    lambda begins: st.tuples(*[rates] * len(begins)).map(
        lambda limits: tuple(
            Stretch(begin=begin, rate=limit)
            for begin, limit in zip(sorted(begins), limits, strict=True)
        )
    )
)


def whole(hours_by_night: float, tables: Tables, limit: int | None = BY_DAY) -> Estimate:
    size = int(hours_by_night * 3600 * BY_NIGHT)
    return estimate_run(
        replace(UNKNOWN, measured_bytes=size), None, 0.9, BARE, limit, tables=tables
    )


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(0.5, 5.0, id="a short run may meet the slow hours"),
        pytest.param(10, 19.0, id="one of a night does not crawl for days"),
        pytest.param(15 * 5, 5 * 24.0, id="one of five days goes at the mean of the days"),
    ],
)
def test_a_length_holds_at_the_worst_hour(hours: float, expected: float) -> None:
    told = whole(hours, (OFFICE,))
    assert told.high / HOUR == pytest.approx(expected, rel=1e-6)
    assert told.low / HOUR == pytest.approx(hours, rel=1e-6)
    assert told.rate == BY_DAY


def test_the_limits_of_all_of_the_store_and_of_the_server_hold_together() -> None:
    server = Outlook(server="web-1", store="s3", bandwidth=5 * MIB)
    limits = Limits(stores={"s3": BY_DAY}, store_rates={"s3": OFFICE})
    tables = tables_of(server, limits)
    assert tables == ((Stretch(begin=time(), rate=5 * MIB),), OFFICE)
    assert whole(10, tables).high / HOUR == pytest.approx(2 * 10 + 14 + 2, rel=1e-6)
    assert tables_of(server, Limits(bandwidth=BY_DAY, stores={"s3": BY_DAY})) == ()


@pytest.mark.parametrize("shared_by", ["all", "a store", "nobody"])
def test_the_latest_start_is_hours_before_the_deadline_and_no_days(shared_by: str) -> None:
    """What a night carries would take four days at the rate of the office hours."""
    shared = {
        "all": {"bandwidth": BY_DAY, "rates": OFFICE},
        "a store": {"stores": {"main": BY_DAY}, "store_rates": {"main": OFFICE}},
        "nobody": {},
    }[shared_by]
    own = {"bandwidth": BY_DAY, "rates": OFFICE} if shared_by == "nobody" else {}
    size = 10 * 3600 * BY_NIGHT
    sample = Sample(seconds=36_000, verify_seconds=0, bytes=size, new_bytes=size, gap_seconds=None)
    server = a_server("a", 10 * 24 * HOUR, 0, samples=(sample,), store="main", **own)
    run = runs_of(server, **shared)["a"]
    assert (run.demand.final_by - run.start_by) / HOUR == pytest.approx(19.0, rel=1e-6)
    slowly = {"bandwidth": BY_DAY}
    by_number = runs_of(replace(server, rates=()), **slowly)["a"]
    assert (by_number.demand.final_by - by_number.start_by) / HOUR == pytest.approx(100.0)


@given(OUTLOOKS, GAPS, QUANTILES, days)
def test_a_table_is_between_its_slowest_and_its_fastest_rate(
    outlook: Outlook, gap: timedelta | None, quantile: float, table: tuple[Stretch, ...]
) -> None:
    slow, fast = slowest_of(table), max(each.rate or 0 for each in table)
    at_slowest, by_table, at_fastest = (
        estimate_run(outlook, gap, quantile, BARE, limit, tables=tables)
        for limit, tables in ((slow, ()), (slow, (table,)), (fast, ()))
    )
    second = timedelta(seconds=1)
    assert at_fastest.high - second <= by_table.high <= at_slowest.high + second
    assert by_table.low <= by_table.high
    assert by_table.rate == at_slowest.rate


@given(OUTLOOKS, GAPS, QUANTILES, days, rates)
def test_more_bandwidth_never_makes_it_longer(
    outlook: Outlook,
    gap: timedelta | None,
    quantile: float,
    table: tuple[Stretch, ...],
    rate: int,
) -> None:
    before, after = (
        estimate_run(outlook, gap, quantile, BARE, slowest_of(each), tables=(each,))
        for each in (table, raise_to(table, rate))
    )
    assert after.high <= before.high + timedelta(milliseconds=1)
