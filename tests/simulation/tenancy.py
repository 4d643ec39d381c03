"""One server's contract through its terms: what the paper says, and what truly happens."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.domain.acknowledgement import Decision
from daemon.domain.contract import Contract, Expiry
from daemon.domain.phase import RUNNING, Course
from tests.simulation import zones
from tests.simulation.chance import between, happens, one_of
from tests.simulation.oddities import odd_expiry
from tests.simulation.scenario import (
    Acknowledge,
    Act,
    AddContract,
    CloseContract,
    MoveDate,
    RecordRenewal,
    Stretch,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC", "Australia/Lord_Howe")
#: What becomes of a term; the weights are chosen so that many ends are met by the planner.
ENDS = (
    (25.0, "renewed long before"),
    (25.0, "renewed within the ladder"),
    (15.0, "renewed late"),
    (25.0, "lapses"),
    (10.0, "migrated"),
)
#: Where a whole fleet comes to its end.
LAST_ENDS = ((10.0, "renewed within the ladder"), (20.0, "renewed late"), (70.0, "lapses"))


@dataclass(slots=True, kw_only=True)
class Tenancy:
    """What is drawn of one contract, term by term.

    Attributes:
        ssh: When the provider lets ssh through.
        acts: What people record.
        over_at: When it is over for good; None while it goes on to the world's end.
    """

    ssh: list[Stretch] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    over_at: datetime | None = None


def draw_expiry(
    chance: random.Random, near: datetime, *, plain: bool = False, odd: bool = False
) -> Expiry:
    """A date as a contract says it, with and without hours, with and without a zone."""
    if odd:
        return odd_expiry(chance, near)
    if plain:
        return Expiry(text=f"{near:%Y-%m-%d}", timezone="UTC")
    text = f"{near:%Y-%m-%d}" if happens(chance, 0.6) else f"{near:%Y-%m-%dT%H:%M}"
    zone = one_of(chance, [(0.8, chance.choice(ZONES)), (0.1, zones.NAME), (0.1, None)])
    return Expiry(text=text, timezone=zone)


def true_end(chance: random.Random, expiry: Expiry) -> datetime:
    """When the provider takes the contract to end: never before the earliest it can mean.

    Reckoned apart from the product: either reading of a civil time that comes twice, any zone on
    earth where none is named.
    """
    civil = datetime.fromisoformat(expiry.text)
    if expiry.timezone is None:
        return civil.replace(tzinfo=UTC) - timedelta(hours=chance.randint(-11, 14))
    if expiry.timezone == zones.NAME:  # its rules may change, so the provider may act by either
        return civil.replace(tzinfo=UTC) - timedelta(hours=8)
    zone = ZoneInfo(expiry.timezone)
    return max(civil.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def draw_tenancy(
    chance: random.Random,
    contract: Contract,
    course: Course,
    *,
    begin: datetime,
    end: datetime,
    term: timedelta,
    first_ends: Sequence[tuple[float, str]] = ENDS,
    odd: bool = False,
) -> Tenancy:
    """Draw what happens from a contract's first day on record to its last."""
    drawn = Tenancy()
    drawn.acts.append(AddContract(at=begin, contract=contract))
    expiry, since = contract.expiry, begin
    while drawn.over_at is None:
        expires = true_end(chance, expiry)
        if expires >= end:
            drawn.ssh.append(Stretch(begin=since, end=end + 30 * DAY))
            break
        fate = one_of(chance, first_ends if expiry is contract.expiry else ENDS)
        _acknowledge(chance, drawn, contract.name, max(since, begin), expires)
        if fate in {"lapses", "migrated"}:
            _lapse(chance, drawn, contract.name, course, since, expires, fate)
        else:
            following = draw_expiry(chance, expires + term, odd=odd)
            paid = _renew(chance, drawn, contract.name, course, expires, fate, following, begin)
            if paid > expires:
                _ssh_until(drawn, course, since, expires, paid)
                since = paid
            expiry = following
    return drawn


def _renew(  # noqa: PLR0917 - all of one scenario
    chance: random.Random,
    drawn: Tenancy,
    name: str,
    course: Course,
    expires: datetime,
    fate: str,
    until: Expiry,
    begin: datetime,
) -> datetime:
    """Let a person pay, and record it then or later; when it was paid."""
    if fate == "renewed long before":
        at = expires - between(chance, 31 * DAY, 45 * DAY)
    elif fate == "renewed within the ladder":
        at = expires - between(chance, HOUR, 30 * DAY)
    else:
        at = expires + between(chance, HOUR, max(2 * HOUR, course.release))
    if happens(chance, 0.1):  # the provider moved the date, or a person had mistyped it
        drawn.acts.append(MoveDate(at=max(begin, at), contract=name, expiry=until))
    else:
        late = between(chance, timedelta(), 2 * DAY)
        drawn.acts.append(RecordRenewal(at=max(begin, at) + late, contract=name, until=until))
    return at if course.release > timedelta() else min(at, expires)


def _lapse(  # noqa: PLR0917 - all of one scenario
    chance: random.Random,
    drawn: Tenancy,
    name: str,
    course: Course,
    since: datetime,
    expires: datetime,
    fate: str,
) -> None:
    """Let it end; a person says so in the end, or before if the server is needed no more."""
    release = expires + course.release
    _ssh_until(drawn, course, since, expires, release)
    closed = release + between(chance, DAY, 10 * DAY)
    if fate == "migrated":
        closed = expires - between(chance, HOUR, 25 * DAY)
    closed = max(closed, since + HOUR)
    drawn.acts.append(CloseContract(at=closed, contract=name, reason=fate))
    drawn.over_at = max(closed, release) + DAY


def _ssh_until(
    drawn: Tenancy, course: Course, since: datetime, expires: datetime, until: datetime
) -> None:
    """Ssh as the phases have it, from the last payment to the next."""
    starts = [expires + phase.start for phase in course.phases]
    edges = [since, *starts, until]
    phases = [RUNNING, *course.phases]
    for phase, begin, end in zip(phases, edges, edges[1:], strict=False):
        begin, end = max(begin, since), min(end, until)  # noqa: PLW2901 - cut to what counts
        if phase.ssh and begin < end:
            drawn.ssh.append(Stretch(begin=begin, end=end))


def _acknowledge(
    chance: random.Random, drawn: Tenancy, name: str, since: datetime, expires: datetime
) -> None:
    """People say many things; none of it may change what is saved."""
    at = expires - between(chance, HOUR, 30 * DAY)
    if happens(chance, 0.3) and at > since:
        said = chance.choice(list(Decision))
        drawn.acts.append(Acknowledge(at=at, contract=name, decision=said))
