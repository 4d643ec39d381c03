"""Provider snapshots that are expected, for servers as they are expected to be by then."""

from dataclasses import replace
from datetime import datetime

from daemon.domain.event import Event, Happening
from daemon.domain.identifier import new_run_id
from daemon.domain.machine import EBS
from daemon.domain.outlook import Outlook
from daemon.domain.prospect import Prospect
from daemon.domain.provider_copy import (
    CopiedVolume,
    CopyState,
    PlannedCopy,
    ProviderCopy,
    ProviderStanding,
)
from daemon.domain.rescue import coming_copies


def foresee_copies(
    prospect: Prospect, now: datetime, until: datetime
) -> tuple[tuple[Outlook, ...], tuple[Event, ...]]:
    """The servers with the provider snapshot that each of them has by then, and the events.

    Args:
        prospect: The fleet with the copies that its runs will have made by `until`.
        now: From when on; aware.
        until: Up to when.
    """
    outlooks, events = [], []
    for outlook in prospect.outlooks:
        planned = _next(prospect, outlook, now, until)
        outlooks.append(outlook if planned is None else _with_copy(outlook, planned, now))
        if planned is not None:
            events.append(_event(planned, now))
    return tuple(outlooks), tuple(events)


def _next(
    prospect: Prospect, outlook: Outlook, now: datetime, until: datetime
) -> PlannedCopy | None:
    if outlook.provider is None:
        return None
    policy, limits = prospect.policy(outlook), prospect.limits
    found = coming_copies(outlook, policy, limits, prospect.assumptions, now=now, until=until)
    return next(found, None)


def _event(planned: PlannedCopy, now: datetime) -> Event:
    return Event(
        at=max(planned.start_at, now),
        server=planned.server,
        event=Happening.PROVIDER_SNAPSHOT,
        reason=planned.explanation,
    )


def _with_copy(outlook: Outlook, planned: PlannedCopy, now: datetime) -> Outlook:
    """With a copy of which nothing is known but when it was made: it shares the server's fate."""
    at = max(planned.start_at, now)
    copy = ProviderCopy(
        run=new_run_id(at, bytes(3)),
        server=outlook.server,
        reason=planned.kind,
        kind=EBS,
        provider=None,
        account=None,
        region=None,
        machine="",
        state=CopyState.COMPLETE,
        started_at=at,
        begun_at=at,
        looked_at=at,
        ended_at=at,
        volumes=(CopiedVolume(id="", volume="", size=0),),
        epoch=1,
        owner="",
        lease_until=at,
    )
    before = outlook.provider or ProviderStanding(can_copy=True)
    return replace(outlook, provider=replace(before, copies=(copy, *before.copies)))
