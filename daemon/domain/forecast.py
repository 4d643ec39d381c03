"""What will happen if every run goes as estimated: the plan, carried on through time.

The whole fleet is planned once for each stretch. Within a stretch runs start as planned, so far as
slots are free; a server whose run ends there is planned by itself until the next stretch begins.
Stretches are as short as the size of the fleet allows, and never longer than a day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.copy_forecast import foresee_copies
from daemon.domain.event import Event, Happening, lifetime_events
from daemon.domain.instant import shift, write_second
from daemon.domain.outlook import Outlook
from daemon.domain.passage import Passage
from daemon.domain.prospect import Prospect

#: Servers planned, summed over all stretches: what takes a few seconds.
_EFFORT: Final = 150_000
_SHORTEST_STRETCH: Final = timedelta(minutes=15)
_LONGEST_STRETCH: Final = timedelta(days=1)
#: More would be read by nobody.
_MOST_EVENTS: Final = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected.

    Attributes:
        events: In the order of time.
        outlooks: The servers as they are expected to be at the end.
        reaches: The end: the date that was asked for, or an earlier one where the fleet is too
            large for it.
    """

    events: tuple[Event, ...]
    outlooks: tuple[Outlook, ...]
    reaches: datetime


def forecast(
    prospect: Prospect, now: datetime, until: datetime, *, nothing_runs: bool = False
) -> Forecast:
    """What happens after `now` and up to `until`.

    Runs take as long as the pessimistic end of their estimates, and succeed. Whether a server
    answers after its stop, nobody knows: rescue runs are left out. Of the provider snapshots of
    each server the next one is told.

    Args:
        prospect: The fleet as it is now.
        now: Aware.
        until: Aware; if it is not after `now`, nothing happens.
        nothing_runs: As if the daemon were down all the time.
    """
    until = max(now, until)
    passage = Passage(prospect=prospect, now=now)
    if nothing_runs:
        passage.pass_until(until, _MOST_EVENTS)
    else:
        _carry_on(passage, until)
    outlooks = tuple(passage.outlooks[each.server] for each in prospect.outlooks)
    copies: tuple[Event, ...] = ()
    if not nothing_runs:
        outlooks, copies = foresee_copies(prospect.with_outlooks(outlooks), now, passage.now)
    lifetimes = _lifetimes(prospect.with_outlooks(outlooks), now, passage.now)
    events = [*passage.events, *lifetimes, *copies]
    if passage.now < until:
        events.append(_cut_short(passage.now, until))
    return Forecast(
        events=tuple(sorted(events, key=lambda event: event.order)),
        outlooks=outlooks,
        reaches=passage.now,
    )


def _carry_on(passage: Passage, until: datetime) -> None:
    servers = max(1, sum(each.life is not None for each in passage.outlooks.values()))
    effort, planned = _EFFORT, 0
    stretch = (until - passage.now) * servers / effort
    stretch = min(max(stretch, _SHORTEST_STRETCH), _LONGEST_STRETCH)
    passage.adopt()
    while passage.now < until and planned < effort and len(passage.events) < _MOST_EVENTS:
        passage.plan()
        planned += servers
        # Where nothing happens for long, nothing has to be planned meanwhile.
        soonest = passage.next_event() or until
        passage.pass_until(min(until, shift(max(passage.now, soonest), stretch)), _MOST_EVENTS)


def _lifetimes(prospect: Prospect, now: datetime, until: datetime) -> Iterator[Event]:
    for outlook in prospect.outlooks:
        if outlook.life is None:
            continue
        # As it was known when it mattered; what was saved meanwhile makes the last run shorter.
        seen = min(until, shift(outlook.life.timeline.stop_at, -timedelta(seconds=1)))
        latest = prospect.latest_alone(outlook, max(now, seen))
        for event in lifetime_events(outlook, latest):
            if now < event.at <= until:
                yield event


def _cut_short(reaches: datetime, until: datetime) -> Event:
    return Event(
        at=reaches,
        server=None,
        event=Happening.CUT_SHORT,
        reason=(
            "The fleet is too large to be followed further: this ends here, not at "
            f"{write_second(until)}."
        ),
    )
