"""The daemons that share one database."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One daemon that has announced itself.

    Attributes:
        owner: As it signs its claims.
        host: The machine that it runs on, where its staging lies.
        slots: Runs that it makes at the same time.
        started_at: When it first announced itself (UTC), on the database's clock.
        seen_until: Until when it is to be reckoned with, unless it announces itself again.
    """

    owner: str
    host: str
    slots: int
    started_at: datetime
    seen_until: datetime
