"""What keeps servers alive, until when, and what people did about it."""

import enum
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from daemon.domain.identifier import check_name
from daemon.domain.instant import as_utc, write_instant
from daemon.domain.phase import Course
from daemon.errors import InvalidValue, UnknownTimeZone

_CIVIL: Final = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.ASCII)
#: Where each day begins first (Kiribati's Line Islands).
_EARLIEST_ON_EARTH: Final = timezone(timedelta(hours=14))
#: Instants of these years can be shifted by any offset without leaving what datetime can hold.
_YEARS: Final = range(1970, 9999)


class Precision(enum.Enum):
    """How exactly a contract says when it ends."""

    #: A bare date; meant is its first instant, whatever the contract's small print says.
    DAY = "day"
    #: Hours and minutes.
    MINUTE = "minute"
    #: To the second, as some consoles show it.
    SECOND = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """When a contract ends, in the contract's own words.

    The instant is computed when asked for, never stored: zone rules change.

    Attributes:
        text: Civil time: `2026-12-31`, `2026-12-31T18:00` or `2026-12-31T18:00:30`.
        timezone: IANA name, or None where the contract does not say; then it is taken to end as
            early as it could anywhere on earth.

    Raises:
        InvalidValue: on construction, if `text` is not such a time or the zone's name has not
            the form of one. Whether the zone exists shows in `instant`.
    """

    text: str
    timezone: str | None = None

    def __post_init__(self) -> None:
        if not _CIVIL.fullmatch(self.text):
            raise InvalidValue(
                f"{self.text!r} is not a date, or a date and time.",
                hint="Write 2026-12-31 or 2026-12-31T18:00; the zone goes into --timezone.",
            )
        if self.timezone is not None and not _ZONE.fullmatch(self.timezone):
            raise UnknownTimeZone(f"{self.timezone!r} is not the name of a time zone.")
        if self._civil().year not in _YEARS:
            raise InvalidValue(f"The year of {self.text} is out of range.")

    @property
    def precision(self) -> Precision:
        """How exactly `text` names the end."""
        kinds = {10: Precision.DAY, 16: Precision.MINUTE, 19: Precision.SECOND}
        return kinds[len(self.text)]

    def instant(self) -> datetime:
        """The earliest instant (UTC) that `text` can mean.

        A civil time that clocks show twice means its first pass; one that they skip is read with
        whichever offset puts it earlier.

        Raises:
            UnknownTimeZone: this machine knows no zone of that name.
        """
        zone = _EARLIEST_ON_EARTH if self.timezone is None else _load_zone(self.timezone)
        civil = self._civil()
        return min(civil.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))

    def _civil(self) -> datetime:
        try:
            return datetime.fromisoformat(self.text)
        except ValueError as error:
            raise InvalidValue(f"The calendar has no {self.text}.") from error

    def __str__(self) -> str:
        return f"{self.text} {self.timezone or '(zone unknown)'}"


def _load_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        # ValueError and OSError: names that lead to a folder or a file of another kind.
        raise UnknownTimeZone(f"This machine knows no time zone {name!r}.") from error


class ContractState(enum.Enum):
    """Whether a contract still asks for anything."""

    #: Its servers are planned for.
    ACTIVE = "active"
    #: A person said that it no longer matters; nothing is planned for it.
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One contract and the servers that live by it.

    Attributes:
        name: Unique here.
        provider: Whose contract it is.
        reference: The provider's number for it.
        account: The account it is billed to.
        servers: Names of the servers that stop when it does; none where it is about something
            else.
        stores: Names of the stores that perish with it: a bucket is rented, too.
        subject: What else it keeps alive, in a person's words: the ops host, a domain.
        expiry: When it ends.
        preset: Name of the provider facts that say what follows the expiry; see `Preset`.
        course: What follows it where that is known better; overrides `preset`.
        labels: Passed on to its servers.
        state: See `ContractState`.
        closed_reason: Why a person closed it.
        closed_by: Who did.
        closed_at: When (UTC).
        created_at: When it was recorded (UTC).
    """

    name: str
    provider: str
    reference: str | None = None
    account: str | None = None
    servers: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    subject: str | None = None
    expiry: Expiry
    preset: str | None = None
    course: Course | None = None
    labels: tuple[str, ...] = ()
    state: ContractState = ContractState.ACTIVE
    closed_reason: str | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    created_at: datetime

    def __post_init__(self) -> None:
        check_name(self.name)
        _require_words(self.provider, "The provider")
        if not (self.servers or self.stores or self.subject):
            raise InvalidValue(
                f"The contract {self.name} is about nothing.",
                hint="Name what lives by it: --server, --store, or --subject in words.",
            )
        for names in ("servers", "stores", "labels"):
            clean = tuple(dict.fromkeys(check_name(name) for name in getattr(self, names)))
            object.__setattr__(self, names, clean)
        if (self.state is ContractState.CLOSED) != (self.closed_at is not None):
            raise InvalidValue(f"The contract {self.name} is closed only together with a date.")
        object.__setattr__(self, "created_at", as_utc(self.created_at))
        if self.closed_at is not None:
            object.__setattr__(self, "closed_at", as_utc(self.closed_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A recorded prolongation: the only thing that lets planning stand down.

    Attributes:
        contract: Its name.
        old_expiry: What held before.
        new_expiry: What holds now.
        evidence: Why it is believed: an order number, a mail, a screenshot's place.
        who: The person who recorded it.
        at: When they did (UTC).
    """

    contract: str
    old_expiry: Expiry
    new_expiry: Expiry
    evidence: str
    who: str
    at: datetime

    def __post_init__(self) -> None:
        _require_words(self.evidence, "The evidence")
        _require_words(self.who, "The person")
        object.__setattr__(self, "at", as_utc(self.at))


def renew(
    contract: Contract, until: Expiry, *, evidence: str, who: str, at: datetime, force: bool = False
) -> tuple[Contract, Renewal]:
    """The contract as it is after a renewal, and the record of it.

    Raises:
        InvalidValue: the contract is closed; or `until` is past, changes nothing or comes before
            the present expiry, which only `force` allows (to correct a wrong entry).
    """
    if contract.state is ContractState.CLOSED:
        raise InvalidValue(
            f"The contract {contract.name} is closed.", hint="Add a new contract for its servers."
        )
    if not force:
        _require_later(contract, until, at)
    renewal = Renewal(
        contract=contract.name,
        old_expiry=contract.expiry,
        new_expiry=until,
        evidence=evidence,
        who=who,
        at=at,
    )
    return replace(contract, expiry=until), renewal


def close(contract: Contract, *, reason: str, who: str, at: datetime) -> Contract:
    """The contract as it is after a person said that it no longer matters.

    Raises:
        InvalidValue: it is closed already, or no reason is given.
    """
    if contract.state is ContractState.CLOSED:
        raise InvalidValue(f"The contract {contract.name} is closed already.")
    _require_words(reason, "The reason")
    _require_words(who, "The person")
    return replace(
        contract,
        state=ContractState.CLOSED,
        closed_reason=reason,
        closed_by=who,
        closed_at=at,
    )


def _require_later(contract: Contract, until: Expiry, at: datetime) -> None:
    force = "If that is really meant, repeat it with --force."
    instant = until.instant()
    if instant <= at:
        raise InvalidValue(f"{until} is past: it means {write_instant(instant)}.", hint=force)
    if instant <= contract.expiry.instant():
        raise InvalidValue(
            f"{until} is not after the present expiry {contract.expiry}.", hint=force
        )


def _require_words(text: str, what: str) -> None:
    if not text.strip():
        raise InvalidValue(f"{what} is empty.")
