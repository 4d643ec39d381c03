"""What is no server and yet must not lapse unnoticed: a bucket, the ops host, its domain."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import Contract
from daemon.domain.duration import span
from daemon.domain.instant import write_second
from daemon.domain.phase import Timeline
from daemon.domain.verdict import Verdict

#: Contracts of this kind are spoken of so long before they end.
NOTICE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """An active contract that keeps stores or something else alive.

    Attributes:
        contract: Its name.
        provider: Whose it is.
        keeps: What lives by it, in words: `the store main`, `the domain example.org`.
        timeline: Its expiry and what follows.
        decided: What a person decided about this end, as a sentence; or empty.
        rests: Whether that decision stops reminders.
    """

    contract: str
    provider: str
    keeps: tuple[str, ...]
    timeline: Timeline
    decided: str = ""
    rests: bool = False

    def verdict(self, now: datetime) -> Verdict:
        """LATE once it has stopped, AT_RISK so long before as `NOTICE` says, else SAFE."""
        left = self.timeline.stop_at - now
        if left <= timedelta():
            return Verdict.LATE
        return Verdict.AT_RISK if left <= NOTICE and not self.rests else Verdict.SAFE

    def urgency(self, now: datetime) -> tuple[int, bool, datetime, str]:
        """Sorts among servers; see `ServerStatus.urgency`."""
        gravity = tuple(Verdict).index(self.verdict(now))
        return -gravity, False, self.timeline.stop_at, self.contract

    def is_near(self, now: datetime) -> bool:
        """Whether it is to be shown, decided about or not."""
        return self.timeline.stop_at - now <= NOTICE

    def sentence(self, now: datetime) -> str:
        """What a person is told."""
        left, keeps = self.timeline.stop_at - now, " and ".join(self.keeps)
        when = f"in {span(left)}" if left > timedelta() else f"{span(-left)} ago"
        verb = "stops" if left > timedelta() else "stopped"
        decided = f" {self.decided}" if self.decided else ""
        at = write_second(self.timeline.stop_at)
        return f"The contract {self.contract} of {keeps} {verb} {when}, on {at}.{decided}"


def upkeep_of(
    contract: Contract, timeline: Timeline, decision: Acknowledgement | None, now: datetime
) -> Upkeep | None:
    """A contract as it is spoken of here; None where it keeps nothing but servers.

    Args:
        contract: An active one.
        timeline: Its own.
        decision: The newest about it; one about another end counts for nothing.
        now: Aware.
    """
    keeps = [f"the store {store}" for store in contract.stores]
    keeps += [contract.subject] if contract.subject else []
    if not keeps:
        return None
    if decision is not None and not decision.holds_for(contract.expiry):
        decision = None
    return Upkeep(
        contract=contract.name,
        provider=contract.provider,
        keeps=tuple(keeps),
        timeline=timeline,
        decided="" if decision is None else _sentence(decision),
        rests=decision is not None and _rests(decision, now),
    )


def _rests(decision: Acknowledgement, now: datetime) -> bool:
    if decision.decision is Decision.SNOOZE:
        return decision.until is not None and decision.until > now
    return True


def _sentence(decision: Acknowledgement) -> str:
    until = "" if decision.until is None else f" until {write_second(decision.until)}"
    reason = decision.reason.rstrip(".")
    return f"{decision.who} decided: {decision.decision.value}{until} ({reason})."
