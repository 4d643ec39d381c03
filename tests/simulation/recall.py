"""Remembers what the planner found out about a server, for as long as it promises that this holds.

A `Need` says of itself when something of it changes by itself next. A daemon reads everything
fresh at each sweep; a world sweeps so often that most of its time would go into the same estimates.
One recollection in `AGAIN` is worked out anew, so a promise that is not kept is found out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from daemon.domain import nearing
from daemon.domain.need import Need
from daemon.domain.outlook import Life, Outlook
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import Policy

AGAIN: Final = 100
Look = Callable[..., Need]


class BrokenPromiseError(Exception):
    """A need changed before the instant that it had named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    outlook: Outlook
    shared: tuple[object, ...]
    since: datetime
    need: Need

    def holds(self, outlook: Outlook, shared: tuple[object, ...], now: datetime) -> bool:
        same = self.outlook is outlook and self.shared == shared
        return same and self.since <= now < self.need.changes_at


class Recollection:
    """The newest finding about each server."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._found: dict[str, _Finding] = {}
        self._asked = 0

    def look_at(  # as the product's own
        self,
        outlook: Outlook,
        life: Life,
        policy: Policy,
        limits: Limits,
        assumptions: Assumptions,
        *,
        now: datetime,
    ) -> Need:
        """What `look_at` says, or said of the very same outlook not long ago."""
        shared = (policy, limits.bandwidth, limits.stores, assumptions)
        known = self._found.get(outlook.server)
        if known is not None and known.holds(outlook, shared, now):
            self._asked += 1
            if self._asked % AGAIN == 0:
                fresh = self._look(outlook, life, policy, limits, assumptions, now=now)
                _compare(known.need, fresh, now)
            return known.need
        need = self._look(outlook, life, policy, limits, assumptions, now=now)
        finding = _Finding(outlook=outlook, shared=shared, since=now, need=need)
        self._found[outlook.server] = finding
        return need


def _compare(told: Need, fresh: Need, now: datetime) -> None:
    if replace(fresh, changes_at=told.changes_at) != told or fresh.changes_at <= now:
        raise BrokenPromiseError(f"At {now}: {told} became {fresh}")


@contextmanager
def recollection() -> Iterator[None]:
    """Let the planner remember for the length of a `with` block."""
    look = nearing.look_at
    nearing.look_at = Recollection(look).look_at
    try:
        yield
    finally:
        nearing.look_at = look
