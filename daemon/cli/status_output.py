"""How a server's standing is told: a row for people, an object for programs."""

import textwrap
from datetime import timedelta

from daemon.cli.output import WIDTH, Json, instant, span
from daemon.domain.situation import Situation
from daemon.domain.status import ServerStatus

STATUS_COLUMNS = (
    *("server", "contract", "phase", ">stops in", ">slack"),
    *(">newest copy", "depth", "verdict"),
)


def status_row(status: ServerStatus) -> tuple[str, ...]:
    """One row of the table."""
    situation = status.situation
    outlook, phase = situation.outlook, situation.phase
    return (
        outlook.server,
        outlook.life.contract if outlook.life else "",
        phase.name if phase else "",
        _stops_in(situation),
        "" if situation.slack is None else span(situation.slack),
        "none" if situation.age is None else f"{span(situation.age)} old",
        outlook.copy.depth.value if outlook.copy else "",
        status.verdict.value,
    )


def reason_lines(status: ServerStatus) -> tuple[str, ...]:
    """The reasons, each with the server's name in front, in lines that fit a screen."""
    return tuple(wrapped(f"{status.server}: {reason}") for reason in status.reasons)


def wrapped(sentence: str) -> str:
    """A sentence in lines that fit a screen; no word is broken, since some are to be copied."""
    return textwrap.fill(
        sentence,
        width=WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _stops_in(situation: Situation) -> str:
    left = situation.left
    if left is None:
        return ""
    return span(left) if left > timedelta() else f"{span(-left)} ago"


def status_json(status: ServerStatus) -> dict[str, Json]:
    """The object that `status --json` prints; its fields stay as they are."""
    situation = status.situation
    outlook, timeline, phase = situation.outlook, situation.timeline, situation.phase
    return {
        "server": outlook.server,
        "contract": outlook.life.contract if outlook.life else None,
        "provider": outlook.life.provider if outlook.life else None,
        "phase": phase.name if phase else None,
        "expires": instant(timeline.expires) if timeline else None,
        "stop_at": instant(timeline.stop_at) if timeline else None,
        "release_at": instant(timeline.release_at) if timeline else None,
        "latest_safe_start": instant(situation.latest_safe_start) or None,
        "slack_seconds": _seconds(situation.slack),
        "days_left": _days(timeline.expires - situation.now if timeline else None),
        "newest_verified": _copy_json(situation),
        "verdict": status.verdict.value,
        "reasons": list(status.reasons),
        "store": outlook.store,
        "policy": situation.policy.name,
        "same_fate": list(outlook.same_fate),
        "acknowledged": outlook.acknowledged or None,
        "running": outlook.attempt.run if situation.is_running and outlook.attempt else None,
    }


def _copy_json(situation: Situation) -> Json:
    copy = situation.outlook.copy
    if copy is None:
        return None
    return {
        "run": copy.run,
        "at": instant(copy.at),
        "age_seconds": _seconds(situation.age),
        "depth": copy.depth.value,
    }


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())


def _days(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds() / 86400, 2)
