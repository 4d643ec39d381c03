"""Something that happens to a server at an instant, in a forecast."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from daemon.domain.duration import span
from daemon.domain.outlook import Outlook
from daemon.domain.phase import Phase, Timeline


class Happening(enum.Enum):
    """The kinds of events; the values are what `simulate --json` says."""

    #: A run starts.
    START = "start"
    #: A run ends; everything is saved and verified.
    END = "end"
    #: Something is not saved in time.
    MISS = "miss"
    #: The provider is asked for a snapshot.
    PROVIDER_SNAPSHOT = "provider snapshot"
    #: The last run has to have started by now.
    LATEST_SAFE_START = "latest safe start"
    #: The contract's date.
    EXPIRY = "expiry"
    #: Another phase begins.
    PHASE = "phase"
    #: ssh ends.
    STOP = "stop"
    #: The data is destroyed.
    RELEASE = "release"
    #: The forecast ends here, before the date that was asked for.
    CUT_SHORT = "cut short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that is expected to happen.

    Attributes:
        at: When (UTC).
        server: To which server; None where it is about all of them.
        event: See `Happening`.
        reason: Why, as a sentence with figures.
    """

    at: datetime
    server: str | None
    event: Happening
    reason: str

    @property
    def order(self) -> tuple[datetime, bool, str, int]:
        """Sorts by time; at one instant, causes before what follows from them.

        So runs that end, and make room, come before all others; then it goes by server.
        """
        kind = self.event
        return self.at, kind is not Happening.END, self.server or "", tuple(Happening).index(kind)


def lifetime_events(outlook: Outlook, latest: datetime | None) -> Iterator[Event]:
    """What the contract of a server brings, whatever is saved meanwhile, in no order.

    Args:
        outlook: Of the server.
        latest: Its latest safe start, where there is one.
    """
    if outlook.life is None:
        return
    timeline, contract = outlook.life.timeline, outlook.life.contract
    yield Event(
        at=timeline.expires,
        server=outlook.server,
        event=Happening.EXPIRY,
        reason=f"The contract {contract} expires.",
    )
    if latest is not None:
        left = span(timeline.stop_at - latest)
        yield Event(
            at=latest,
            server=outlook.server,
            event=Happening.LATEST_SAFE_START,
            reason=f"The last run has to have started: {left} before the stop.",
        )
    yield from _phase_events(outlook.server, timeline)


def _phase_events(server: str, timeline: Timeline) -> Iterator[Event]:
    for at, phase in timeline.beginnings():
        if not phase.data:
            kind, reason = Happening.RELEASE, "The data is destroyed."
        elif at == timeline.stop_at:
            kind, reason = Happening.STOP, f"The server stops: {_abilities(phase)}."
        else:
            kind, reason = Happening.PHASE, f"The phase {phase.name} begins: {_abilities(phase)}."
        yield Event(at=at, server=server, event=kind, reason=reason)
    if timeline.stop_at == timeline.release_at:
        reason = "The server stops, and its data is destroyed at once."
        yield Event(at=timeline.stop_at, server=server, event=Happening.STOP, reason=reason)


def _abilities(phase: Phase) -> str:
    words = (
        "ssh answers" if phase.ssh else "ssh does not answer",
        "provider snapshots can be made" if phase.snapshot else "no provider snapshots",
        "it can be renewed" if phase.renewal else "it cannot be renewed",
    )
    return ", ".join(words)
