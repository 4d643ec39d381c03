"""The whole fleet in one word for monitoring, by the guidelines for Nagios plugins."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.duration import span
from daemon.domain.status import ServerStatus
from daemon.domain.upkeep import Upkeep
from daemon.domain.verdict import Verdict

#: Monitoring cuts long answers off, so no more than this is told of single servers.
_MOST_TOLD: Final = 40
_MOST_DRAWN: Final = 20
_LONGEST_LINE: Final = 300


class CheckState(enum.IntEnum):
    """What a plugin says; the values are its exit codes."""

    #: Everything is safe.
    OK = 0
    #: Something is at risk, and there is time.
    WARNING = 1
    #: Something is late or lost.
    CRITICAL = 2
    #: Nobody can tell.
    UNKNOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What is too much or too little by a person's own measure, beside the verdicts.

    Attributes:
        age: A newest copy older than this.
        slack: Less slack than this.
    """

    age: timedelta | None = None
    slack: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What makes a warning, and what makes it critical."""

    warning: Threshold = Threshold()
    critical: Threshold = Threshold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number for a graph.

    Attributes:
        label: Whose and what, any text.
        value: None where it is not known.
        unit: `s` for seconds, empty for counts.
        warning: The range outside of which it is a warning; see the plugins' guidelines.
        critical: Likewise.
    """

    label: str
    value: int | None
    unit: str = ""
    warning: str = ""
    critical: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What monitoring is told.

    Attributes:
        state: See `CheckState`.
        summary: One sentence.
        details: What it rests on, a line each, gravest first.
        figures: For graphs.
    """

    state: CheckState
    summary: str
    details: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    state: CheckState
    line: str


def check_fleet(
    statuses: Sequence[ServerStatus],
    upkeeps: Sequence[Upkeep],
    thresholds: Thresholds,
    now: datetime,
) -> CheckResult:
    """What monitoring is told of these servers, and of contracts about other things.

    Args:
        statuses: Every server that is asked about.
        upkeeps: Likewise; see `Upkeep`.
        thresholds: Beside the verdicts; they can only make the state graver.
        now: Aware.
    """
    if not statuses and not upkeeps:
        return CheckResult(state=CheckState.UNKNOWN, summary="no server is registered")
    found = [*_servers(statuses, thresholds), *_upkeeps(upkeeps, now)]
    found.sort(key=lambda finding: finding.state, reverse=True)
    state = max((finding.state for finding in found), default=CheckState.OK)
    counts = _counts(statuses)
    worst = f"; {found[0].line}" if found else ""
    return CheckResult(
        state=state,
        summary=f"{_summary(counts, len(upkeeps))}{worst}",
        details=tuple(_first(finding.line for finding in found)),
        figures=(*_count_figures(counts), *_figures(statuses, thresholds)),
    )


def nagios_text(result: CheckResult) -> str:
    """The answer as plugins give it: a line with figures behind `|`, then the details."""
    head = _clean(f"LAPSEGUARD {result.state.name} - {result.summary}")
    if len(head) > _LONGEST_LINE:
        head = f"{head[: _LONGEST_LINE - 3]}..."
    figures = " ".join(map(_figure_text, result.figures))
    lines = [f"{head} | {figures}" if figures else head, *map(_clean, result.details)]
    return "\n".join(lines) + "\n"


def _servers(statuses: Sequence[ServerStatus], thresholds: Thresholds) -> Iterator[_Finding]:
    for status in statuses:
        state = _STATES[status.verdict]
        if state is not CheckState.OK:
            why = f"{status.verdict.value}: {status.reasons[0]}"
            yield _Finding(state=state, line=f"{status.server} is {why}")
        yield from _beyond(status, thresholds)


#: Of each verdict.
_STATES: Final = {
    Verdict.SAFE: CheckState.OK,
    Verdict.AT_RISK: CheckState.WARNING,
    Verdict.LATE: CheckState.CRITICAL,
    Verdict.LOST: CheckState.CRITICAL,
}


def _beyond(status: ServerStatus, thresholds: Thresholds) -> Iterator[_Finding]:
    """What a person's own thresholds say, the graver one only."""
    situation = status.situation
    if situation.timeline is None or situation.has_stopped:
        return
    for state, limit in (
        (CheckState.CRITICAL, thresholds.critical),
        (CheckState.WARNING, thresholds.warning),
    ):
        lines = []
        if limit.age is not None and situation.age is not None and situation.age > limit.age:
            lines.append(f"the newest copy is {span(situation.age)} old")
        if limit.slack is not None and _needs(status) and (situation.slack or _NONE) < limit.slack:
            lines.append(f"its slack is {span(situation.slack or _NONE)}")
        if lines:
            yield _Finding(state=state, line=f"{status.server}: {' and '.join(lines)}")
            return


_NONE: Final = timedelta()


def _needs(status: ServerStatus) -> bool:
    return status.situation.slack is not None and not status.situation.has_final_copy


def _upkeeps(upkeeps: Sequence[Upkeep], now: datetime) -> Iterator[_Finding]:
    for upkeep in upkeeps:
        state = _STATES[upkeep.verdict(now)]
        if state is not CheckState.OK:
            yield _Finding(state=state, line=upkeep.sentence(now))


def _counts(statuses: Sequence[ServerStatus]) -> list[tuple[str, int]]:
    verdicts = [status.verdict for status in statuses]
    return [(each.value, verdicts.count(each)) for each in sorted(Verdict, reverse=True)]


def _summary(counts: Sequence[tuple[str, int]], upkeeps: int) -> str:
    """How many servers are judged how; where there is none, how many contracts there are."""
    told = ", ".join(f"{count} {word}" for word, count in counts if count)
    return told or f"no server, {upkeeps} other {'contract' if upkeeps == 1 else 'contracts'}"


def _count_figures(counts: Sequence[tuple[str, int]]) -> Iterator[Figure]:
    ranges = {"late": ("", "0"), "lost": ("", "0"), "at risk": ("0", "")}
    for word, count in counts:
        warning, critical = ranges.get(word, ("", ""))
        yield Figure(label=word, value=count, warning=warning, critical=critical)


def _figures(statuses: Sequence[ServerStatus], thresholds: Thresholds) -> Iterator[Figure]:
    slacks = [each.situation.slack for each in statuses if each.situation.slack is not None]
    ages = [each.situation.age for each in statuses if each.situation.age is not None]
    yield _slack("slack", min(slacks, default=None), thresholds)
    yield _age("age", max(ages, default=None), thresholds)
    if len(statuses) > _MOST_DRAWN:
        return
    for status in statuses:
        yield _slack(f"{status.server} slack", status.situation.slack, thresholds)
        yield _age(f"{status.server} age", status.situation.age, thresholds)


def _slack(label: str, slack: timedelta | None, thresholds: Thresholds) -> Figure:
    return Figure(
        label=label,
        value=_seconds(slack),
        unit="s",
        # `N:` in the guidelines' words: lower ones alarm.
        warning=_range(thresholds.warning.slack, ":"),
        critical=_range(thresholds.critical.slack, ":"),
    )


def _age(label: str, age: timedelta | None, thresholds: Thresholds) -> Figure:
    return Figure(
        label=label,
        value=_seconds(age),
        unit="s",
        warning=_range(thresholds.warning.age, ""),
        critical=_range(thresholds.critical.age, ""),
    )


def _range(limit: timedelta | None, mark: str) -> str:
    return "" if limit is None else f"{_seconds(limit)}{mark}"


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())


def _first(lines: Iterator[str]) -> Iterator[str]:
    told = list(lines)
    yield from told[:_MOST_TOLD]
    if len(told) > _MOST_TOLD:
        yield f"and {len(told) - _MOST_TOLD} more: lapseguard status"


def _figure_text(figure: Figure) -> str:
    value = "U" if figure.value is None else f"{figure.value}{figure.unit}"
    text = f"{_label(figure.label)}={value};{figure.warning};{figure.critical}"
    return text.rstrip(";")


def _label(text: str) -> str:
    """A label as the guidelines want it: no `=`, and quoted where it holds a space or a quote."""
    safe = _clean(text).replace("=", "_").replace("'", "''")
    return f"'{safe}'" if " " in safe or "'" in safe else safe


def _clean(text: str) -> str:
    """One line without the sign that begins the figures."""
    return " ".join(text.replace("|", "/").split())
