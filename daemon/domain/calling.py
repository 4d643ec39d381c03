"""What all servers together call for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.demand import Call, call_for
from daemon.domain.instant import LATEST, shift
from daemon.domain.latest import backwards, latest_starts
from daemon.domain.nearing import Near
from daemon.domain.need import Need
from daemon.domain.plan import Limits
from daemon.domain.schedule import Block, Capacity
from daemon.domain.yielding import YIELDS_IN, shorten_optional, yields_ever

#: A run that began at most so long before it had to, as it is seen now, was the final. Estimates
#: and other runs move that moment.
_JUST_BEFORE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What is called for, and what room has to be kept for.

    Attributes:
        calls: In the order of deadlines.
        coming: Servers with a run under way whose final comes after it, in the same order.
        counted: The latest start of each run that has to happen or has happened, by server: a copy
            counts as the last one by it.
        latest: The latest start of each run that still has to happen, by server.
        capacity: What they share.
        busy: Runs under way; those that nothing depends on only until they have given way.
        optional: Servers of these.
        still: The runs that still have to happen, as `backwards` tells them.
        places: Where each server stands in the order of deadlines.
        changes_at: The first instant at which any of this changes by itself.
    """

    calls: tuple[Call, ...]
    coming: tuple[Need, ...]
    counted: Mapping[str, datetime]
    latest: Mapping[str, datetime]
    capacity: Capacity
    changes_at: datetime
    busy: tuple[Block, ...] = ()
    optional: tuple[Need, ...] = ()
    still: tuple[Block, ...] = ()
    places: Mapping[str, int] = field(default_factory=dict)


def call_all(near: Near, limits: Limits, now: datetime) -> Calls:
    """What is called for, each server's latest start depending on all others."""
    capacity = Capacity(
        slots=max(1, limits.slots), bandwidth=limits.bandwidth, stores=limits.stores
    )
    places = {each.outlook.server: place for place, each in enumerate(near.needs)}
    must = [each for each in near.needs if now < each.stop_at and each.must_run]
    blocks = [backwards(each, places[each.outlook.server]) for each in must]
    counted = latest_starts(blocks, capacity)
    still = [
        block
        for need, block in zip(must, blocks, strict=True)
        if not _is_done(need, counted, limits)
    ]
    optional = [need for need in must if yields_ever(need) and _is_optional(need, counted, limits)]
    busy = shorten_optional(near.busy, optional, limits.lead, now) if optional else near.busy
    latest = counted
    if busy or len(still) < len(must):
        latest = latest_starts(still, capacity, busy)
        counted |= {
            each.outlook.server: _counted(each, counted, latest)
            for each in must
            if latest.get(each.outlook.server, LATEST) < counted[each.outlook.server]
        }
    calls, coming, changes_at = [], [], LATEST
    for need in near.needs:
        server = need.outlook.server
        start_by = latest.get(server) or need.alone_start_by
        call = call_for(
            need,
            counted=counted.get(server) or need.alone_start_by,
            latest=start_by,
            lead=limits.lead,
            now=now,
        )
        if call is not None:
            calls.append(call)
        elif need.under_way and server in latest:
            coming.append(need)
        for at in _turning_points(need, start_by, limits.lead, giving_way=bool(optional)):
            if now < at < changes_at:
                changes_at = at
    return Calls(
        calls=tuple(calls),
        coming=tuple(coming),
        counted=counted,
        latest=latest,
        capacity=capacity,
        changes_at=changes_at,
        busy=tuple(busy),
        optional=tuple(optional),
        still=tuple(still),
        places=places,
    )


def _turning_points(
    need: Need, start_by: datetime, lead: timedelta, *, giving_way: bool
) -> Iterator[datetime]:
    """When something changes for a run that has to start by then."""
    yield shift(start_by, -lead)
    yield need.final_from(start_by, lead)
    if giving_way:
        yield shift(start_by, -lead - YIELDS_IN + timedelta(microseconds=1))


def _is_optional(need: Need, counted: Mapping[str, datetime], limits: Limits) -> bool:
    """Whether nothing depends on its run; see `Demand.optional`."""
    latest = counted[need.outlook.server]
    return need.policy.final and need.counts_as_final(need.copy_at, latest, limits.lead)


def _counted(
    need: Need, counted: Mapping[str, datetime], latest: Mapping[str, datetime]
) -> datetime:
    """By what a copy counts where runs under way let the final start earlier than all others do.

    What then was made as the final counts as one, or it would be made again and again. But what is
    older does not: should those runs leave no room at all, it still has to be made.
    """
    server = need.outlook.server
    spare = max(timedelta(), need.last.high - _JUST_BEFORE)
    return min(counted[server], shift(latest[server], spare))


def _is_done(need: Need, counted: Mapping[str, datetime], limits: Limits) -> bool:
    """Whether a copy counts as final, or the run under way will; see `Need.under_way`."""
    latest, attempt = counted[need.outlook.server], need.outlook.attempt
    began_at = need.copy_at
    if need.under_way and attempt is not None:
        if not (need.policy.final and need.has_copy):
            return True
        began_at = max(attempt.started_at, began_at or attempt.started_at)
    return need.policy.final and need.counts_as_final(began_at, latest, limits.lead)
