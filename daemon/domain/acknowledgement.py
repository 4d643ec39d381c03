"""What a person decided about a contract's coming end. Nothing decided here cancels a run."""

import enum
from dataclasses import dataclass
from datetime import datetime

from daemon.domain.contract import Expiry
from daemon.domain.identifier import check_name
from daemon.domain.instant import as_utc
from daemon.errors import InvalidValue


class Decision(enum.Enum):
    """The kinds of decision; the values are what `contract ack --json` says."""

    #: It is going to be renewed; until that is recorded, everything goes on.
    RENEWING = "renewing"
    #: It ends, and that is meant; everything is saved up to the end.
    LET_LAPSE = "let-lapse"
    #: What it carried lives elsewhere already.
    MIGRATED = "migrated"
    #: Nothing is decided; no reminders until a date.
    SNOOZE = "snooze"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """One decision on record.

    Attributes:
        contract: Its name.
        decision: See `Decision`.
        until: Reminders rest until then (UTC); always there for a snooze, only for it.
        reason: In the person's words.
        who: The person.
        at: When it was recorded (UTC).
        expiry: The end it was about; it counts for nothing once the contract has another one.
    """

    contract: str
    decision: Decision
    until: datetime | None = None
    reason: str
    who: str
    at: datetime
    expiry: Expiry

    def __post_init__(self) -> None:
        check_name(self.contract)
        if not self.reason.strip() or not self.who.strip():
            raise InvalidValue("A decision needs a person and a reason.", hint="Give --reason.")
        if (self.decision is Decision.SNOOZE) != (self.until is not None):
            raise InvalidValue("A snooze, and nothing else, has an end.", hint="Give --until.")
        object.__setattr__(self, "at", as_utc(self.at))
        if self.until is not None:
            object.__setattr__(self, "until", as_utc(self.until))

    def holds_for(self, expiry: Expiry) -> bool:
        """Whether it is about this very end."""
        return self.expiry == expiry
