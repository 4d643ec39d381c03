"""How old what is on record is, while clocks disagree.

Whatever is on record was dated by the database's clock. Judged by another one, a copy of this
minute may seem days old, and its server would be saved over and over. So of each run that begins
while the clocks disagree it is noted what all of them said when it was first seen; from then on it
ages by the clock that went furthest. What was there before keeps its dates: no clock vouches for
those, and a run that begins once too often does no harm.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from daemon.domain.instant import shift
from daemon.domain.outlook import Attempt, Outlook, VerifiedCopy
from daemon.domain.present import Present
from daemon.domain.provider_copy import ProviderCopy

#: Runs by id, with the present in which each was first seen; None for one that was there before.
Sightings: TypeAlias = Mapping[str, Present | None]


def sight(
    last: Sightings | None, outlooks: Iterable[Outlook], present: Present
) -> Sightings | None:
    """Note which runs are new; None as long as all clocks agree.

    A run counts as new only if it comes up as the newest of its server: a copy may become the
    newest one again when a later one is found to be damaged.

    Args:
        last: What was noted at the last look.
        outlooks: As they are on record now.
        present: By all clocks.
    """
    if present.is_certain:
        return None
    found: dict[str, Present | None] = {}
    for outlook in outlooks:
        attempt, copy = outlook.attempt, outlook.copy
        if copy is not None:
            found[copy.run] = None if last is None else last.get(copy.run)
        if attempt is not None:
            found[attempt.run] = None if last is None else last.get(attempt.run, present)
        if outlook.provider is not None:
            for made in outlook.provider.copies:
                found[made.run] = None if last is None else last.get(made.run, present)
    return found


def date_anew(
    outlooks: Sequence[Outlook], sightings: Sightings | None, present: Present, at: datetime
) -> Sequence[Outlook]:
    """The outlooks with the dates that a clock would have given them that says `at` now.

    Args:
        outlooks: As they are on record.
        sightings: See `sight`.
        present: By all clocks.
        at: What one of them says.
    """
    if sightings is None:
        return outlooks
    return [
        _date_provider(_date_one(outlook, sightings, present, at), sightings, present, at)
        for outlook in outlooks
    ]


def _date_one(outlook: Outlook, sightings: Sightings, present: Present, at: datetime) -> Outlook:
    attempt, copy = outlook.attempt, outlook.copy
    if attempt is None:
        return outlook
    under_way = attempt.finished_at is None
    copy_seen = None if copy is None else sightings.get(copy.run)
    seen = sightings.get(attempt.run)
    if copy is not None and copy_seen is not None:
        outlook = replace(outlook, copy=_date_copy(copy, copy_seen, present, at))
    if seen is not None or under_way:
        outlook = replace(outlook, attempt=_date_attempt(attempt, seen, present, at))
    return outlook


def _date_provider(
    outlook: Outlook, sightings: Sightings, present: Present, at: datetime
) -> Outlook:
    if outlook.provider is None:
        return outlook

    def date(made: ProviderCopy) -> ProviderCopy:
        seen = sightings.get(made.run)
        if seen is None:
            return made
        return made.redated(lambda stamp: shift(at, -age_of(stamp, seen, present)))

    copies = tuple(map(date, outlook.provider.copies))
    return replace(outlook, provider=replace(outlook.provider, copies=copies))


def _date_copy(copy: VerifiedCopy, seen: Present, present: Present, at: datetime) -> VerifiedCopy:
    return replace(copy, at=shift(at, -age_of(copy.at, seen, present)))


def _date_attempt(
    attempt: Attempt, seen: Present | None, present: Present, at: datetime
) -> Attempt:
    """Leases are extended all the time, so they are up to date by the database's clock."""
    if attempt.finished_at is None:
        left = attempt.lease_until - present.database
        attempt = replace(attempt, lease_until=shift(at, left))
    if seen is None:
        return attempt
    ended = attempt.finished_at
    return replace(
        attempt,
        started_at=shift(at, -age_of(attempt.started_at, seen, present)),
        finished_at=None if ended is None else shift(at, -age_of(ended, seen, present)),
    )


def age_of(stamp: datetime, seen: Present, present: Present) -> timedelta:
    """How long ago at most something happened.

    Args:
        stamp: When it did, by the database's clock as it went then.
        seen: All clocks when it was on record already, or soon was.
        present: All clocks now.
    """
    return seen.database - stamp + max(now - then for now, then in zip(present, seen, strict=True))
