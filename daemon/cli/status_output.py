"""How a server's standing is told: a row for people, an object for programs."""

import textwrap
from datetime import datetime, timedelta

from daemon.cli.capture_output import describe
from daemon.cli.output import Json, console, instant, span
from daemon.cli.provider_standing import standing_json
from daemon.domain.progress import Progress, progress_json
from daemon.domain.situation import Situation
from daemon.domain.status import ServerStatus
from daemon.domain.upkeep import Upkeep

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


def upkeep_row(upkeep: Upkeep, now: datetime) -> tuple[str, ...]:
    """One row of the same table about a contract that keeps something else alive."""
    timeline = upkeep.timeline
    return (
        "\n".join(upkeep.keeps),
        upkeep.contract,
        timeline.phase(now).name,
        _until(timeline.stop_at - now),
        *("", "", ""),
        upkeep.verdict(now).value,
    )


def reason_lines(status: ServerStatus) -> tuple[str, ...]:
    """The reasons, each with the server's name in front, in lines that fit a screen."""
    return tuple(wrapped(f"{status.server}: {reason}") for reason in status.reasons)


def progress_lines(status: ServerStatus, progress: Progress | None) -> tuple[str, ...]:
    """How far the run under way is, as its owner said last."""
    attempt = status.situation.outlook.attempt
    if progress is None or attempt is None or not status.situation.is_running:
        return ()
    said = f"{status.server}: run {attempt.run}, at {instant(progress.at)}: {describe(progress)}"
    return (wrapped(said),)


def wrapped(sentence: str) -> str:
    """A sentence in lines that fit a screen; no word is broken, since some are to be copied."""
    return textwrap.fill(
        sentence,
        width=console().width,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _stops_in(situation: Situation) -> str:
    return "" if situation.left is None else _until(situation.left)


def _until(left: timedelta) -> str:
    return span(left) if left > timedelta() else f"{span(-left)} ago"


def status_json(status: ServerStatus, progress: Progress | None = None) -> dict[str, Json]:
    """The object that `status --json` prints of a server; its fields stay as they are."""
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
        "keeps": [outlook.server],
        "store": outlook.store,
        "policy": situation.policy.name,
        "same_fate": list(outlook.same_fate),
        "acknowledged": outlook.acknowledged or None,
        "running": outlook.attempt.run if situation.is_running and outlook.attempt else None,
        "progress": progress_json(progress) if progress and situation.is_running else None,
        "provider_copy": standing_json(outlook),
    }


def upkeep_json(upkeep: Upkeep, now: datetime) -> dict[str, Json]:
    """The same about a contract that keeps something else alive; what only servers have is null."""
    timeline = upkeep.timeline
    return {
        "server": None,
        "contract": upkeep.contract,
        "provider": upkeep.provider,
        "phase": timeline.phase(now).name,
        "expires": instant(timeline.expires),
        "stop_at": instant(timeline.stop_at),
        "release_at": instant(timeline.release_at),
        "latest_safe_start": None,
        "slack_seconds": None,
        "days_left": _days(timeline.expires - now),
        "newest_verified": None,
        "verdict": upkeep.verdict(now).value,
        "reasons": [upkeep.sentence(now)],
        "keeps": list(upkeep.keeps),
        "store": None,
        "policy": None,
        "same_fate": [],
        "acknowledged": upkeep.decided or None,
        "running": None,
        "progress": None,
        "provider_copy": None,
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
