"""The dates of a contract that belong into a calendar."""

import enum
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.contract import Contract
from daemon.domain.instant import as_utc, shift, write_second
from daemon.domain.phase import Timeline

#: Stands before the summary of what will not be: not every client shows the status.
CANCELLED: Final = "Cancelled: "
#: The dates of a closed contract are told at least for so long after it was closed.
_TOLD: Final = timedelta(days=90)


class Occasion(enum.Enum):
    """What happens then; the values are part of each appointment's lasting name."""

    #: The contract's date.
    EXPIRY = "expiry"
    #: The last run of one server has to start.
    LATEST_SAFE_START = "latest-safe-start"
    #: ssh ends.
    STOP = "stop"
    #: The data is destroyed.
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One date.

    Attributes:
        uid: Its lasting name: the same whenever the date moves, unlike every other one's.
        occasion: See `Occasion`.
        at: When (UTC), to the whole second.
        summary: A few words.
        description: What a person needs to know on that day.
        provider: Whose contract it is about.
        cancelled: Its contract was closed before it came.
    """

    uid: str
    occasion: Occasion
    at: datetime
    summary: str
    description: str
    provider: str
    cancelled: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", as_utc(self.at).replace(microsecond=0))


def appointments(
    contract: Contract, timeline: Timeline, latest: Mapping[str, datetime], now: datetime
) -> Iterator[Appointment]:
    """The dates of one contract: expiry, stop, release, and the latest safe start of each server.

    Those of a closed one are told for a while yet, as cancelled where they came after the closing.

    Args:
        contract: Any, about servers, stores or something else.
        timeline: Its own.
        latest: Latest safe starts by server; servers without one are left out.
        now: Aware.
    """
    if not _is_told(contract, timeline, now):
        return
    for occasion, at, summary in (
        (Occasion.EXPIRY, timeline.expires, f"{contract.name} expires"),
        (Occasion.STOP, timeline.stop_at, f"{contract.name}: {_things(contract)} stops"),
        (Occasion.RELEASE, timeline.release_at, f"{contract.name}: data destroyed"),
    ):
        yield _appointment(contract, occasion, at, summary)
    for server in contract.servers:
        if server in latest:
            summary = f"{server}: latest safe start of the last backup"
            occasion = Occasion.LATEST_SAFE_START
            yield _appointment(contract, occasion, latest[server], summary, server)


def _is_told(contract: Contract, timeline: Timeline, now: datetime) -> bool:
    if contract.closed_at is None:
        return True
    return now < max(timeline.release_at, shift(contract.closed_at, _TOLD))


def _appointment(
    contract: Contract, occasion: Occasion, at: datetime, summary: str, server: str = ""
) -> Appointment:
    cancelled = contract.closed_at is not None and at > contract.closed_at
    return Appointment(
        uid=_uid(contract, occasion, server),
        occasion=occasion,
        at=at,
        summary=f"{CANCELLED}{summary}" if cancelled else summary,
        description=_description(contract),
        provider=contract.provider,
        cancelled=cancelled,
    )


def _uid(contract: Contract, occasion: Occasion, server: str) -> str:
    """Names repeat between installations; the moment of recording tells them apart."""
    origin = f"{contract.name} {write_second(contract.created_at)}"
    digest = hashlib.sha256(origin.encode()).hexdigest()[:12]
    parts = (contract.name, occasion.value, server, digest)
    return f"{'.'.join(part for part in parts if part)}@lapseguard"


def _things(contract: Contract) -> str:
    return ", ".join((*contract.servers, *contract.stores, *filter(None, (contract.subject,))))


def _description(contract: Contract) -> str:
    facts = (
        ("Contract", contract.name),
        ("Provider", contract.provider),
        ("Reference", contract.reference),
        ("Account", contract.account),
        ("Expires", f"{contract.expiry} (as the contract says)"),
        ("Servers", ", ".join(contract.servers)),
        ("Stores", ", ".join(contract.stores)),
        ("About", contract.subject),
        ("Closed", _closing(contract)),
    )
    return "\n".join(f"{name}: {fact}" for name, fact in facts if fact)


def _closing(contract: Contract) -> str:
    if contract.closed_at is None:
        return ""
    return f"{write_second(contract.closed_at)} by {contract.closed_by}: {contract.closed_reason}"
