"""One line for monitoring: the state, the figures, and nothing that would break a plugin's form."""

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.check import (
    CheckResult,
    CheckState,
    Figure,
    Threshold,
    Thresholds,
    check_fleet,
    nagios_text,
)
from daemon.domain.status import ServerStatus
from daemon.domain.upkeep import Upkeep
from tests.factories import NOW
from tests.unit.domain.prospects import DAY, HOUR, a_copy, a_prospect, an_outlook

NO_THRESHOLDS = Thresholds()
#: As the guidelines for plugins write it: 'label'=value[unit];[warn];[crit];[min];[max]
FIGURE = re.compile(
    r"('(?:[^'=]|'')+'|[^'=\s]+)=(U|-?\d+(?:s|%|c|[kMGT]?B)?)((?:;[-\d.:@~]*){0,4})"
)


def statuses(**servers: Mapping[str, object]) -> tuple[ServerStatus, ...]:
    fleet = [an_outlook(name, **known) for name, known in servers.items()]  # type: ignore[arg-type]  # as given
    return a_prospect(*fleet).statuses(NOW)


SAFE: Mapping[str, object] = {"left": 90 * DAY, "copy": a_copy()}
AT_RISK: Mapping[str, object] = {"left": 90 * DAY}
LOST: Mapping[str, object] = {"left": -DAY}


def an_upkeep(left: timedelta) -> Upkeep:
    life = an_outlook(left=left).life
    assert life is not None
    keeps = ("its domain",)
    return Upkeep(contract="dns", provider="gandi", keeps=keeps, timeline=life.timeline)


@pytest.mark.parametrize(
    ("servers", "state", "summary"),
    [
        pytest.param({"a": SAFE}, CheckState.OK, "1 safe", id="all safe is OK"),
        pytest.param(
            {"a": SAFE, "b": AT_RISK},
            CheckState.WARNING,
            "1 at risk, 1 safe; b is at risk: ",
            id="one at risk is a warning that names it",
        ),
        pytest.param(
            {"a": AT_RISK, "b": LOST},
            CheckState.CRITICAL,
            "1 lost, 1 at risk; b is lost: ",
            id="one lost is critical and comes first",
        ),
    ],
)
def test_the_gravest_verdict_decides(
    servers: dict[str, Mapping[str, object]], state: CheckState, summary: str
) -> None:
    result = check_fleet(statuses(**servers), (), NO_THRESHOLDS, NOW)
    assert result.state is state
    assert result.summary.startswith(summary)
    assert {each.label: each.value for each in result.figures}["safe"] == list(
        servers.values()
    ).count(SAFE)


def test_nothing_on_record_is_no_reason_to_be_calm() -> None:
    result = check_fleet((), (), NO_THRESHOLDS, NOW)
    assert result.state is CheckState.UNKNOWN


def test_a_contract_about_something_else_counts_too() -> None:
    for left, state in ((60 * DAY, CheckState.OK), (9 * DAY, CheckState.WARNING)):
        assert check_fleet((), [an_upkeep(left)], NO_THRESHOLDS, NOW).state is state
    gone = check_fleet(statuses(a=SAFE), [an_upkeep(-HOUR)], NO_THRESHOLDS, NOW)
    assert gone.state is CheckState.CRITICAL
    assert "The contract dns of its domain stopped 1 h ago" in gone.details[0]


def test_only_contracts_about_other_things_are_told_of_in_words() -> None:
    result = check_fleet((), [an_upkeep(60 * DAY)], NO_THRESHOLDS, NOW)
    assert result.summary == "no server, 1 other contract"


def test_a_person_may_be_stricter_than_the_verdicts() -> None:
    fleet = statuses(a={"left": 90 * DAY, "copy": a_copy(50 * HOUR)})
    older = Threshold(age=timedelta(days=2))
    assert check_fleet(fleet, (), Thresholds(warning=older), NOW).state is CheckState.WARNING
    both = check_fleet(fleet, (), Thresholds(warning=older, critical=older), NOW)
    assert both.state is CheckState.CRITICAL
    assert both.details == ("a: the newest copy is 2 d 2 h old",)
    assert check_fleet(fleet, (), Thresholds(warning=Threshold(age=3 * DAY)), NOW).state is (
        CheckState.OK
    )


def test_slack_that_a_final_copy_made_needless_alarms_nobody() -> None:
    strict = Thresholds(critical=Threshold(slack=99 * DAY))
    due = statuses(a={"left": 9 * DAY, "copy": a_copy()})
    assert check_fleet(due, (), strict, NOW).state is CheckState.CRITICAL
    done = statuses(a={"left": 2 * HOUR, "copy": a_copy(timedelta())})
    assert check_fleet(done, (), strict, NOW).state is CheckState.OK


def test_after_the_stop_thresholds_are_of_no_use() -> None:
    strict = Thresholds(critical=Threshold(age=HOUR, slack=99 * DAY))
    rescued = statuses(a={"left": -DAY, "copy": a_copy(20 * HOUR)})
    assert check_fleet(rescued, (), strict, NOW).state is CheckState.OK


def test_a_large_fleet_is_told_of_in_few_lines_and_figures() -> None:
    fleet = statuses(**{f"web-{n}": AT_RISK for n in range(60)})
    result = check_fleet(fleet, (), NO_THRESHOLDS, NOW)
    assert len(result.details) == 41
    assert result.details[-1] == "and 20 more: lapseguard status"
    assert len(result.figures) == 6
    small = check_fleet(fleet[:3], (), NO_THRESHOLDS, NOW)
    assert len(small.figures) == 6 + 2 * 3


def test_figures_carry_the_ranges_that_alarm() -> None:
    limits = Thresholds(
        warning=Threshold(age=2 * DAY, slack=DAY), critical=Threshold(age=3 * DAY, slack=HOUR)
    )
    known = {"left": 9 * DAY, "copy": a_copy(HOUR)}
    line = nagios_text(check_fleet(statuses(**{"web-1": known}), (), limits, NOW)).splitlines()[0]
    assert "'web-1 age'=3600s;172800;259200" in line
    assert re.search(r"'web-1 slack'=\d+s;86400:;3600:", line)
    assert " late=0;;0 " in line
    assert " 'at risk'=0;0 " in line


def test_what_is_not_known_is_said_so() -> None:
    line = nagios_text(check_fleet(statuses(a={"left": None}), (), NO_THRESHOLDS, NOW))
    assert " age=U" in line


def _has_words(text: str) -> bool:
    return text.split() != []


figures = st.builds(
    Figure,
    label=st.text(st.sampled_from("ab=|'; \n\té云"), min_size=1).filter(_has_words),
    value=st.none() | st.integers(-(10**9), 10**9),
    unit=st.sampled_from(["", "s"]),
)


@given(st.text().filter(_has_words), st.lists(st.text(), max_size=3), st.lists(figures, max_size=4))
def test_no_text_breaks_the_form(summary: str, details: list[str], numbers: list[Figure]) -> None:
    """One line with one bar at most, then a line for each detail; figures that a reader finds."""
    result = CheckResult(
        state=CheckState.WARNING,
        summary=summary,
        details=tuple(details),
        figures=tuple(numbers),
    )
    text = nagios_text(result)
    head, *rest = text.removesuffix("\n").split("\n")
    assert len(rest) == len(details)
    assert text.count("|") == bool(numbers)
    assert head.startswith("LAPSEGUARD WARNING - ")
    told, _, tail = head.partition(" | ")
    assert len(told) <= 300
    assert len(FIGURE.findall(tail)) == len(numbers)
    assert re.sub(r"\s", "", FIGURE.sub("", tail)) == ""


lengths = st.none() | st.integers(0, 5000).map(lambda hours: hours * HOUR)
limits = st.builds(Threshold, age=lengths, slack=lengths)


@given(
    st.lists(st.sampled_from([SAFE, AT_RISK, LOST, {"left": 2 * DAY, "copy": a_copy(9 * DAY)}])),
    limits,
    limits,
)
def test_thresholds_only_ever_make_it_graver(
    servers: list[Mapping[str, object]], warning: Threshold, critical: Threshold
) -> None:
    fleet = statuses(**{f"web-{n}": known for n, known in enumerate(servers)})
    plain = check_fleet(fleet, (), NO_THRESHOLDS, NOW)
    strict = check_fleet(fleet, (), Thresholds(warning=warning, critical=critical), NOW)
    assert strict.state >= plain.state
