"""Servers and contracts as planning reads them: narrow, and trusted to be sound.

They come from the database, into which only checked values go, so nothing is checked again: a
sweep builds hundreds of thousands of them.
"""

from dataclasses import dataclass
from datetime import datetime

from daemon.domain.bandwidth import Stretch
from daemon.domain.contract import ContractState, Expiry
from daemon.domain.phase import Course
from daemon.domain.verification import Depth


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedServer:
    """What of a server matters to a plan; see `Server`."""

    name: str
    store: str | None
    labels: tuple[str, ...]
    value: int
    priority: tuple[str, ...]
    bandwidth: int | None
    depth: Depth | None
    fate_accepted: bool
    rates: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedContract:
    """What of a contract matters to a plan; see `Contract`."""

    name: str
    provider: str
    account: str | None
    servers: tuple[str, ...]
    stores: tuple[str, ...]
    expiry: Expiry
    preset: str | None
    course: Course | None
    labels: tuple[str, ...]
    state: ContractState
    closed_reason: str | None
    closed_at: datetime | None
