"""Whether a server may lapse right now without anything being lost: every condition by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from daemon.domain.duration import span
from daemon.domain.instant import shift
from daemon.domain.need import TOLERATED_AHEAD
from daemon.domain.outlook import VerifiedCopy
from daemon.domain.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class LapseAnswer:
    """The answer of the gate.

    Attributes:
        server: Its name.
        safe: Whether it may lapse.
        reasons: Why not, a sentence each; empty if it may.
    """

    server: str
    safe: bool
    reasons: tuple[str, ...]


def may_lapse(
    situation: Situation, *, failed_look: str | None = None, accept_fate: bool = False
) -> LapseAnswer:
    """Whether all that the server holds is kept elsewhere.

    It takes a complete copy, proven as deep as the policy asks, on a store that outlives the
    server, which began within the ladder's last interval (of now, or of the stop once that is
    past) or late enough to be the last one; no run may be under way.

    Args:
        situation: Of the server.
        failed_look: What the newest verification of it found, if that failed.
        accept_fate: Let a store count that perishes with the server.
    """
    reasons = tuple(_obstacles(situation, failed_look, accept_fate=accept_fate))
    return LapseAnswer(server=situation.outlook.server, safe=not reasons, reasons=reasons)


def _obstacles(
    situation: Situation, failed_look: str | None, *, accept_fate: bool
) -> Iterator[str]:
    outlook = situation.outlook
    if outlook.copy is None:
        yield "There is no complete verified copy."
    else:
        yield from _of_copy(situation, outlook.copy)
    if outlook.attempt is not None and outlook.attempt.finished_at is None:
        yield f"The run {outlook.attempt.run} is under way."
    if failed_look is not None:
        yield failed_look
    if not accept_fate:
        yield from outlook.same_fate


def _of_copy(situation: Situation, copy: VerifiedCopy) -> Iterator[str]:
    wanted = situation.policy.depth
    if copy.depth < wanted:
        yield (
            f"The newest copy was verified as {copy.depth.value} only; {wanted.value} is asked for."
        )
    if copy.store != situation.outlook.store:
        yield (
            f"The newest copy is in the store {copy.store}; the server is saved to "
            f"{situation.outlook.store} now."
        )
    age = situation.now - copy.at
    if age < -TOLERATED_AHEAD:
        yield f"The newest copy is dated {span(-age)} ahead: a clock was wrong."
    elif copy.at < _newest_wanted(situation):
        yield f"The newest copy is {span(age)} old; it has to have begun {_wanted(situation)}."


def _wanted(situation: Situation) -> str:
    """Within which stretch, in words."""
    every = span(situation.policy.ladder[-1].every)
    return f"within {every} of the stop" if situation.has_stopped else f"within the last {every}"


def _newest_wanted(situation: Situation) -> datetime:
    """The oldest beginning of a copy that has everything that matters."""
    timeline, every = situation.timeline, situation.policy.ladder[-1].every
    if timeline is not None and timeline.stop_at <= situation.now:
        return shift(timeline.stop_at, -every)
    recent = shift(situation.now, -every)
    return min(recent, situation.final_from or recent)
