"""How each server stands: which contract it lives by, until when, and what has been saved of it."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from daemon.domain.contract import Contract, ContractState
from daemon.domain.history import HistoryRow
from daemon.domain.run import RunState
from daemon.domain.server import Server
from daemon.domain.verification import Depth, Outcome
from daemon.errors import UnknownTimeZone

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Verdict(enum.Enum):
    """Whether a copy exists that was proven; nothing is said yet about whether it is enough."""

    #: There is a verified copy.
    OK = "ok"
    #: There is none.
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCopy:
    """The newest copy that stands proven.

    Attributes:
        run: The run that made it.
        at: When the run began: what the server changed later is not in it.
        depth: How deep it was verified.
    """

    run: str
    at: datetime
    depth: Depth


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """One server's standing.

    Attributes:
        server: Its name.
        contract: The active contract that ends first, or None.
        expires: The instant it ends, or None.
        newest_verified: See `VerifiedCopy`; None where there is none.
        verdict: See `Verdict`.
        reasons: What led to the verdict, and what else a person should know; sentences.
    """

    server: str
    contract: Contract | None
    expires: datetime | None
    newest_verified: VerifiedCopy | None
    verdict: Verdict
    reasons: tuple[str, ...]

    @property
    def urgency(self) -> tuple[bool, datetime, str]:
        """Sorts the next to stop first, and those of which nobody knows last."""
        return self.expires is None, self.expires or _NEVER, self.server

    def left(self, now: datetime) -> timedelta | None:
        """Time until the contract ends; negative once it has."""
        return None if self.expires is None else self.expires - now

    def age(self, now: datetime) -> timedelta | None:
        """How old the newest verified copy is."""
        return None if self.newest_verified is None else now - self.newest_verified.at


def server_status(
    server: Server, contracts: Iterable[Contract], history: Iterable[HistoryRow], now: datetime
) -> ServerStatus:
    """Judge one server.

    Args:
        server: The server.
        contracts: Any; those that do not name it or are closed do not count.
        history: Its runs with the evidence that stands for each, in any order.
        now: Aware.
    """
    reasons: list[str] = []
    active = [
        contract
        for contract in contracts
        if server.name in contract.servers and contract.state is ContractState.ACTIVE
    ]
    contract = min(active, key=lambda each: ending_of(each)[0], default=None)
    expires, doubt = (None, None) if contract is None else ending_of(contract)
    if doubt is not None:
        reasons.append(doubt)
    if contract is None:
        reasons.append("No contract names this server, so nothing says when it stops.")
    if expires is not None and expires <= now:
        reasons.append("The contract has expired.")
    newest = newest_verified(history)
    if newest is None:
        reasons.append("There is no verified copy.")
    return ServerStatus(
        server=server.name,
        contract=contract,
        expires=expires,
        newest_verified=newest,
        verdict=Verdict.NONE if newest is None else Verdict.OK,
        reasons=tuple(reasons),
    )


def newest_verified(history: Iterable[HistoryRow]) -> VerifiedCopy | None:
    """The newest of the copies whose evidence stands; a later failed look takes it away."""
    proven = [
        VerifiedCopy(run=row.run.run, at=row.run.started_at, depth=row.verification.depth)
        for row in history
        if row.run.state is RunState.VERIFIED
        and row.verification is not None
        and row.verification.outcome is Outcome.PASSED
    ]
    return max(proven, key=lambda copy: copy.at, default=None)


def ending_of(contract: Contract) -> tuple[datetime, str | None]:
    """The instant a contract ends, and what is doubtful about it.

    Where this machine does not know the zone, the earliest instant on earth: one contract that
    cannot be understood must hide neither itself nor the others.
    """
    try:
        return contract.expiry.instant(), None
    except UnknownTimeZone as error:
        earliest = replace(contract.expiry, timezone=None).instant()
        return earliest, f"{error} The earliest instant on earth is assumed."
