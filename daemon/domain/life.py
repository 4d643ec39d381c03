"""What a contract's expiry means for what lives by it: when it stops, and when it is destroyed."""

from dataclasses import replace
from datetime import date, datetime

from daemon.domain.contract import Contract, Expiry
from daemon.domain.outlook import Life
from daemon.domain.phase import UNKNOWN_COURSE, Course, Timeline
from daemon.domain.planned import PlannedContract
from daemon.domain.preset import Preset
from daemon.errors import UnknownTimeZone


def timeline_of(
    contract: Contract | PlannedContract, preset: Preset | None, *, today: date | None = None
) -> tuple[Timeline, tuple[str, ...]]:
    """The phases of one contract, and what is uncertain about them, a sentence each.

    The contract's own course counts before the preset's; with neither, the server is taken to
    stop and to be destroyed at the expiry.

    Args:
        contract: Any, closed ones too.
        preset: The facts of `contract.preset`; None where it names none, or one that is not known.
        today: With it, facts that were checked long ago are a doubt as well.
    """
    expires, doubts = earliest_end(contract.expiry, preset)
    course, more = _course_of(contract, preset, today)
    return Timeline(expires=expires, course=course), (*doubts, *more)


def life_of(
    contract: Contract | PlannedContract, preset: Preset | None, *, today: date | None = None
) -> Life:
    """One contract as planning looks at it; the arguments are those of `timeline_of`."""
    timeline, doubts = timeline_of(contract, preset, today=today)
    return Life(
        contract=contract.name,
        provider=contract.provider,
        account=contract.account,
        timeline=timeline,
        doubts=doubts,
    )


def earliest_end(expiry: Expiry, preset: Preset | None = None) -> tuple[datetime, tuple[str, ...]]:
    """The earliest instant (UTC) that an expiry can mean, and what is uncertain about it.

    Never raises for a zone that this machine does not know: one contract that cannot be understood
    must hide neither itself nor the others.
    """
    if expiry.timezone is None:
        return expiry.instant(), (_no_zone(preset),)
    try:
        return expiry.instant(), ()
    except UnknownTimeZone as error:
        earliest = replace(expiry, timezone=None).instant()
        return earliest, (f"{error} The earliest instant on earth is assumed.",)


def _no_zone(preset: Preset | None) -> str:
    doubt = "No time zone is given for the expiry; the earliest instant on earth is assumed."
    if preset is None or preset.timezone is None:
        return doubt
    return f"{doubt} The preset {preset.name} suggests {preset.timezone}."


def _course_of(
    contract: Contract | PlannedContract, preset: Preset | None, today: date | None
) -> tuple[Course, tuple[str, ...]]:
    if contract.course is not None:
        return contract.course, ()
    if preset is not None:
        return preset.course, () if today is None else preset.doubts(today)
    assumed = "it is taken to stop, and to be destroyed, at the expiry."
    if contract.preset is not None:
        return UNKNOWN_COURSE, (f"There is no preset {contract.preset} here; {assumed}",)
    return UNKNOWN_COURSE, (f"Nothing says what follows the expiry; {assumed}",)
