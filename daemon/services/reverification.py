"""Proves stored copies anew before they are needed: one at a time, and never in a run's way."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backends.errors import BackendError
from daemon.clock import Clock
from daemon.domain.outlook import Outlook, VerifiedCopy
from daemon.domain.policy import Policy, choose_policy
from daemon.domain.verification import Depth, Verification
from daemon.errors import Interrupted, LapseguardError
from daemon.log import LOG
from daemon.services.overview import Overview
from daemon.services.proof_watcher import Step
from daemon.services.units import Units
from daemon.services.verification import VerificationTools, verify_run

#: Evidence that is older says too little about what is in the store today.
EVIDENCE_AGE: Final = timedelta(days=7)
#: A copy that could not be looked at is left alone for so long.
_REST: Final = timedelta(hours=6)
#: Of the servers that stop first, as many are looked at for old evidence.
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofWanted:
    """A copy whose evidence is old or shallow."""

    copy: VerifiedCopy
    depth: Depth
    stop_at: datetime


def shortlist(
    outlooks: Iterable[Outlook], policies: Iterable[Policy], now: datetime
) -> tuple[ProofWanted, ...]:
    """Copies of servers that still have to stop, the next to stop first."""
    known = tuple(policies)
    found = (_wanted(outlook, known, now) for outlook in outlooks)
    wanted = sorted(
        (each for each in found if each), key=lambda each: (each.stop_at, each.copy.run)
    )
    return tuple(wanted[:_AT_ONCE])


def choose_proof(
    candidates: Iterable[ProofWanted], checked: Mapping[str, datetime], now: datetime
) -> ProofWanted | None:
    """The first copy that is proven too shallowly or was proven too long ago.

    Args:
        candidates: See `shortlist`.
        checked: When each run was looked at last.
        now: The present.
    """
    for wanted in candidates:
        at = checked.get(wanted.copy.run)
        if wanted.copy.depth < wanted.depth or at is None or now - at > EVIDENCE_AGE:
            return wanted
    return None


def _wanted(outlook: Outlook, policies: tuple[Policy, ...], now: datetime) -> ProofWanted | None:
    if outlook.copy is None or outlook.life is None or outlook.life.timeline.stop_at <= now:
        return None
    policy = choose_policy(policies, outlook.labels)
    return ProofWanted(
        copy=outlook.copy,
        depth=max(policy.depth, Depth.STORED),
        stop_at=outlook.life.timeline.stop_at,
    )


class Reverifier:
    """Looks at one copy whenever it is called and nothing more urgent is to be done."""

    def __init__(
        self,
        *,
        units: Units,
        clock: Clock,
        make_tools: Callable[[threading.Event], VerificationTools],
    ) -> None:
        self._units = units
        self._clock = clock
        self._make_tools = make_tools
        self._resting: dict[str, datetime] = {}
        self._stop = threading.Event()

    def give_way(self) -> None:
        """Something more urgent begins: break off what is being looked at."""
        self._stop.set()

    def look(self, outlooks: Iterable[Outlook], policies: Iterable[Policy]) -> Verification | None:
        """Prove one copy anew, if there is one that needs it; what went wrong is in the log."""
        self._stop = threading.Event()
        now = self._clock.now()
        self._resting = {run: until for run, until in self._resting.items() if until > now}
        candidates = shortlist(outlooks, policies, now)
        candidates = tuple(each for each in candidates if each.copy.run not in self._resting)
        wanted = choose_proof(candidates, self._checked(candidates), now)
        if wanted is None:
            return None
        self._resting[wanted.copy.run] = now + _REST
        try:
            return self._prove(wanted)
        except (LapseguardError, BackendError) as error:
            LOG.warning("proof.broke", run=wanted.copy.run, error=str(error))
            return None

    def _checked(self, candidates: tuple[ProofWanted, ...]) -> dict[str, datetime]:
        with self._units(read_only=True) as unit:
            found = unit.verifications.of(*(each.copy.run for each in candidates))
        return {each.run: each.checked_at for each in found}

    def _prove(self, wanted: ProofWanted) -> Verification:
        record = Overview(units=self._units, clock=self._clock).run(wanted.copy.run)
        tools = self._make_tools(self._stop)
        found = verify_run(tools, record, wanted.depth, GivingWay(self._stop))
        say = LOG.error if found.problems else LOG.info
        say(
            f"verification.{found.outcome.value}",
            run=found.run,
            depth=found.depth.value,
            problems=len(found.problems),
        )
        return found


class GivingWay:
    """Ends a proof at its next pack once something more urgent begins."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    @contextmanager
    def proving(self, _depth: Depth, _packs: int) -> Iterator[Step]:
        """One depth is being proven."""
        yield self._go_on

    def _go_on(self, _count: int) -> None:
        if self._stop.is_set():
            raise Interrupted("Something more urgent began.")
