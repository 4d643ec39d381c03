"""Facts about a provider's product: what follows a contract's expiry, and how sure that is."""

import enum
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from daemon.domain.identifier import check_name
from daemon.domain.phase import Course
from daemon.errors import InvalidValue

#: Providers change their terms; facts older than this are shown with a warning.
GOOD_FOR: Final = timedelta(days=180)
#: The provider of presets that hold whoever the contract is with.
ANY_PROVIDER: Final = "any"


class Confidence(enum.Enum):
    """How sure the figures are."""

    #: The provider's own text, dated.
    HIGH = "high"
    #: The provider's own texts disagree, or are second-hand.
    MEDIUM = "medium"
    #: Somebody's word, or old.
    LOW = "low"


class RenewalBasis(enum.Enum):
    """From when a renewal inside the grace window counts."""

    #: From the expiry that was: paying late wins no days.
    OLD_EXPIRY = "old-expiry"
    #: From the day of payment.
    PAYMENT = "payment"
    #: The provider does not say.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What one provider does with one product.

    Attributes:
        name: Of the preset, e.g. `alibaba-ecs-subscription`.
        provider: The provider's short name, as contracts use it, or `ANY_PROVIDER`.
        product: In words.
        course: What follows the expiry.
        renewal_from: See `RenewalBasis`.
        timezone: Whose midnight the provider means; None where that is not known.
        sources: Where it is written; addresses or names of documents.
        checked: When somebody last looked there.
        confidence: See `Confidence`.
        note: What a person should know beside; may be empty.
    """

    name: str
    provider: str
    product: str
    course: Course
    renewal_from: RenewalBasis = RenewalBasis.UNKNOWN
    timezone: str | None = None
    sources: tuple[str, ...]
    checked: date
    confidence: Confidence
    note: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.sources:
            raise InvalidValue(f"The preset {self.name} does not say where it is from.")

    def doubts(self, today: date) -> tuple[str, ...]:
        """Why a person should look again, a sentence each."""
        found = []
        if today - self.checked > GOOD_FOR:
            found.append(
                f"The facts of the preset {self.name} were last checked on {self.checked}; "
                "providers change their terms."
            )
        if self.confidence is Confidence.LOW:
            found.append(f"The facts of the preset {self.name} are of low confidence.")
        return tuple(found)
