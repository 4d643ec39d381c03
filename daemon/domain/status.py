"""How each server stands: when it stops, what has been saved of it, and whether that is enough."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from daemon.domain.risk import find_risks
from daemon.domain.situation import Situation
from daemon.domain.verdict import Verdict

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """One server's standing.

    Attributes:
        situation: What it was judged by.
        verdict: The gravest of what was found; see `Verdict`.
        reasons: What led to the verdict, gravest first, and what else a person should know;
            sentences.
    """

    situation: Situation
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def server(self) -> str:
        """Its name."""
        return self.situation.outlook.server

    @property
    def urgency(self) -> tuple[int, bool, datetime, str]:
        """Sorts the gravest verdict first, then the next to stop; the unknown at the end."""
        timeline = self.situation.timeline
        gravity = tuple(Verdict).index(self.verdict)
        stop_at = _NEVER if timeline is None else timeline.stop_at
        return -gravity, timeline is None, stop_at, self.server


def judge(situation: Situation) -> ServerStatus:
    """The verdict on one server. Never raises, whatever the clock and the calendar say."""
    risks = sorted(find_risks(situation), key=lambda risk: risk.verdict, reverse=True)
    return ServerStatus(
        situation=situation,
        verdict=max((risk.verdict for risk in risks), default=Verdict.SAFE),
        reasons=tuple(dict.fromkeys(risk.sentence for risk in risks)),
    )
