"""Draws a server's way from now to the end of its data as a bar of characters."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.cli.output import instant, span
from daemon.domain.phase import Timeline
from daemon.domain.status import ServerStatus

_NARROWEST: Final = 20
#: Keeps a sign and its date on one line.
_KEPT: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """The characters of a drawing; each is one column wide.

    Attributes:
        reachable: The bar while ssh answers.
        closed: The bar while it does not, and the data still exists.
        run: A run starts.
        copy: The provider is asked for a snapshot.
        latest: The latest safe start.
        expiry: The contract's date.
        stop: ssh ends.
        release: The data is destroyed.
    """

    reachable: str
    closed: str
    run: str
    copy: str
    latest: str
    expiry: str
    stop: str
    release: str

    def legend(self, width: int) -> list[str]:
        """What the signs mean, in lines of at most so many columns."""
        meanings = (
            (self.run, "run"),
            (self.copy, "provider snapshot"),
            (self.latest, "latest safe start"),
            (self.expiry, "expiry"),
            (self.stop, "stop"),
            (self.release, "data destroyed"),
            (self.reachable * 2, "ssh answers"),
            (self.closed * 2, "it does not"),
        )
        words = (f"{sign} {meaning}".replace(" ", _KEPT) for sign, meaning in meanings)
        return _wrap("   ".join(words), width)


UNICODE: Final = Signs(
    reachable="━", closed="┄", run="▲", copy="△", latest="◆", expiry="○", stop="■", release="✕"
)
ASCII: Final = Signs(
    reachable="=", closed=".", run="^", copy="P", latest="L", expiry="E", stop="S", release="X"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """What is expected to begin, each in any order.

    Attributes:
        runs: Runs.
        copies: Provider snapshots.
    """

    runs: Sequence[datetime] = ()
    copies: Sequence[datetime] = ()


def draw(status: ServerStatus, starts: Starts, signs: Signs, width: int) -> list[str]:
    """One server: a headline, its bar, and the dates on it.

    Args:
        status: Of the server.
        starts: What is expected to begin.
        signs: What to draw with.
        width: Columns; at least 20 are used.
    """
    width = max(width, _NARROWEST)
    timeline, now = status.situation.timeline, status.situation.now
    if timeline is None:
        return _wrap(
            f"{status.server}  {status.verdict.value}: no contract says when it stops", width
        )
    if timeline.release_at <= now:
        gone = instant(timeline.release_at)
        return _wrap(f"{status.server}  {status.verdict.value}: data destroyed on {gone}", width)
    left = timeline.stop_at - now
    when = f"stops in {span(left)}" if left > timedelta() else f"stopped {span(-left)} ago"
    scale = _Scale(begin=now, end=timeline.release_at, columns=width - 2)
    return [
        *_wrap(f"{status.server}  {status.verdict.value}, {when}", width),
        f"  {_bar(status, timeline, starts, signs, scale)}",
        *(f"  {line}" for line in _wrap(_dates(status, timeline, signs), width - 2)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Where an instant lies on a bar; what lies outside has no column."""

    begin: datetime
    end: datetime
    columns: int

    def column(self, at: datetime) -> int | None:
        if not self.begin <= at <= self.end:
            return None
        return round((at - self.begin) / (self.end - self.begin) * (self.columns - 1))


def _bar(
    status: ServerStatus,
    timeline: Timeline,
    starts: Starts,
    signs: Signs,
    scale: _Scale,
) -> str:
    length = scale.end - scale.begin
    middles = (scale.begin + length * ((i + 0.5) / scale.columns) for i in range(scale.columns))
    bar = [signs.reachable if timeline.phase(at).ssh else signs.closed for at in middles]
    # Later ones cover earlier ones: of two dates in one column the graver is shown.
    begun = [(at, signs.run) for at in starts.runs] + [(at, signs.copy) for at in starts.copies]
    for at, sign in (*begun, *_marks(status, timeline, signs)):
        column = scale.column(at)
        if column is not None:
            bar[column] = sign
    return "".join(bar)


def _marks(
    status: ServerStatus, timeline: Timeline, signs: Signs
) -> Iterator[tuple[datetime, str]]:
    yield timeline.expires, signs.expiry
    if status.situation.latest_safe_start is not None:
        yield status.situation.latest_safe_start, signs.latest
    yield timeline.release_at, signs.release
    yield timeline.stop_at, signs.stop


def _dates(status: ServerStatus, timeline: Timeline, signs: Signs) -> str:
    marks = sorted(_marks(status, timeline, signs))
    return "   ".join(f"{sign}{_KEPT}{instant(at)}" for at, sign in marks)


def _wrap(text: str, width: int) -> list[str]:
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    return [line.replace(_KEPT, " ") for line in lines]
