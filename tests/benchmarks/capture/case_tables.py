"""The cases as text: goals in short, then everybody with everything."""

from collections.abc import Callable, Iterable

from tests.benchmarks.capture import goals
from tests.benchmarks.capture.contestants import Rsync, RsyncThenRestic
from tests.benchmarks.capture.markdown import megabytes, ratio, source, table, verdict
from tests.benchmarks.capture.measure import Cost
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.record import Case, Entry, Reading, Report
from tests.benchmarks.capture.served import Served

_OURS, _RIVAL, _FLOOR = Lapseguard.name, RsyncThenRestic.name, Rsync.name
_MEGABIT = 1e6 / 8


def goal_lines(report: Report) -> list[str]:
    """One line for each ratio that has a goal."""
    rows = [_goal_row(case) for case in ordered(report.cases) if case.of(_OURS)]
    rows += [_reading_goal_row(each) for each in report.readings]
    if not rows:
        return []
    headings = ("work", "ours, s", "rival, s", "ratio", "goal")
    more = ("rsync alone, s", "ratio", "goal", "by daemon, s", "ratio")
    return [
        *("## Goals", "", _GOAL_LEGEND, ""),
        *(*table((*headings, *more), rows), ""),
    ]


def case_lines(report: Report) -> list[str]:
    """Every case with all contestants."""
    found = [line for case in ordered(report.cases) for line in _one(case)]
    return ["## Cases", "", _LEGEND, "", *found] if found else []


_GOAL_LEGEND = (
    "The rival is `rsync -aHAX`, then `restic backup`; of the last lines, restic. Medians. By"
    " daemon: from the recorded start of the run to the moment when the database says *verified*;"
    " see the cases for the wait before."
)
_LEGEND = (
    "Seconds are medians with least and most. CPU: seconds of user and system time of the program"
    " and all that it starts; far: of sshd, the server's rsync and the S3 server. Peak: of the"
    " largest single process, and never less than the benchmark's own. Waited: of the daemon, from"
    " the recording of the contract to the start of the run, not in its seconds; the daemon looks"
    " at the database every two seconds. Lines: how full they were on average."
)


def ordered(cases: Iterable[Case]) -> list[Case]:
    """By letter, the small tree first."""
    return sorted(cases, key=lambda each: (each.letter, -each.files))


def to(
    case: Case,
    whom: str,
    who: str = _OURS,
    figure: Callable[[Cost], float] = lambda cost: cost.seconds,
) -> float | None:
    """One contestant's median over another's, on the wall if not said otherwise."""
    mine, theirs = case.of(who), case.of(whom)
    if mine is None or theirs is None:
        return None
    return mine.median(figure) / theirs.median(figure) if theirs.median(figure) else None


def _goal_row(case: Case) -> tuple[str, ...]:
    rival_goal, floor_goal = goals.CASES[case.letter]
    to_rival, to_floor = to(case, _RIVAL), to(case, _FLOOR)
    return (
        str(case),
        *(_seconds(case.of(who)) for who in (_OURS, _RIVAL)),
        *(ratio(to_rival), verdict(to_rival, rival_goal)),
        *(_seconds(case.of(_FLOOR)), ratio(to_floor), verdict(to_floor, floor_goal)),
        *(_seconds(case.of(Served.name)), ratio(to(case, _RIVAL, Served.name))),
    )


def _reading_goal_row(reading: Reading) -> tuple[str, ...]:
    mine, theirs = (Entry(contestant="", costs=each) for each in (reading.ours, reading.theirs))
    share = mine.median() / theirs.median()
    return (
        f"{reading.verb}, {reading.what}",
        *(_seconds(mine), _seconds(theirs), ratio(share), verdict(share, goals.READING)),
        *("-" for _ in range(5)),
    )


def _one(case: Case) -> list[str]:
    headings = ["", "seconds", "least-most", "to restic's", "to rsync", "CPU s", "CPU ratio"]
    headings += ["far CPU s", "peak MB", "stored MB", "to restic's", "waited s"]
    rows = [_row(case, entry) for entry in case.entries]
    if case.line:
        headings += ["server's line", "store's line"]
        rows = [
            (*row, *_line_shares(case.line, entry))
            for row, entry in zip(rows, case.entries, strict=True)
        ]
    return [
        f"### {str(case)[0].upper()}{str(case)[1:]}",
        "",
        *(table(headings, rows) if rows else ["Nobody came through."]),
        "",
        _below(case),
        "",
    ]


def _below(case: Case) -> str:
    return (
        f"{case.files:,} files, {case.bytes / 1e6:,.0f} MB. {'; '.join(case.notes)}."
        f" Stored, ours to restic's: {_stored_verdict(case)}. {source(case.origin)}"
    )


def _row(case: Case, entry: Entry) -> tuple[str, ...]:
    name, walls = entry.contestant, [cost.seconds for cost in entry.costs]
    rival = case.of(_RIVAL)
    restic = rival.stored if rival else None
    return (
        name,
        *(_seconds(entry), f"{min(walls):.2f}-{max(walls):.2f}"),
        *(ratio(to(case, whom, name)) for whom in (_RIVAL, _FLOOR)),
        f"{entry.median(lambda cost: cost.processor):.2f}",
        ratio(to(case, _RIVAL, name, lambda cost: cost.processor)),
        f"{entry.median(lambda cost: cost.far.server + cost.far.store):.2f}",
        megabytes(entry.median(lambda cost: cost.peak)),
        megabytes(entry.stored, 1),
        ratio(entry.stored / restic if entry.stored and restic else None),
        f"{entry.median(lambda cost: cost.waited):.2f}" if name == Served.name else "-",
    )


def _line_shares(line: int, entry: Entry) -> tuple[str, str]:
    """How full both lines were on average."""

    def share(figure: Callable[[Cost], int]) -> str:
        full = entry.median(lambda cost: figure(cost) / (line * _MEGABIT * cost.seconds))
        return f"{full:.0%}"

    return share(lambda cost: cost.far.pulled), share(lambda cost: cost.far.pushed)


def _stored_verdict(case: Case) -> str:
    mine, theirs = case.of(_OURS), case.of(_RIVAL)
    if not mine or not theirs or not mine.stored or not theirs.stored:
        return "-"
    share = mine.stored / theirs.stored
    return f"{share:.3f}, {verdict(share, goals.STORED)}"


def _seconds(entry: Entry | None) -> str:
    return "-" if entry is None else f"{entry.median():.2f}"
