"""What a daemon does about provider snapshots: has them made, looks after them, removes old ones.

Each of these takes a thread for as long as one question to a provider takes, and never a slot: the
hours in between belong to nobody. What is under way is on record, so any daemon goes on with it.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from backends.errors import BackendError
from daemon.clock import Clock
from daemon.domain.copy_retention import pause_before_look, replaced_copies
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Plan
from daemon.domain.policy import Policy, choose_policy
from daemon.domain.provider_copy import CopyState, PlannedCopy, ProviderCopy
from daemon.domain.rescue import snapshots_end
from daemon.errors import LapseguardError
from daemon.log import LOG
from daemon.services.provider_making import ProviderTools, begin_copy, look_again, remove_copy

#: Questions to providers at the same time; the others have their turn at the next look.
_AT_ONCE: Final = 4
#: A server about which not even a failure could be put on record is left alone for so long.
_REST: Final = timedelta(seconds=30)
#: A copy that could not be removed is left alone for so long: it costs money, and nothing else.
_REMOVAL_REST: Final = timedelta(hours=1)


class CopyWatch:
    """Provider snapshots as one daemon looks after them. Safe between threads."""

    def __init__(self, clock: Clock, make_tools: Callable[[], ProviderTools]) -> None:
        """Prepare.

        Args:
            clock: Its monotonic time says when the next look is due.
            make_tools: Gives what provider snapshots are made with.
        """
        self._clock = clock
        self._make_tools = make_tools
        self._changed = threading.Condition()
        self._busy: set[str] = set()
        self._watched: tuple[_Watched, ...] = ()
        self._replaced: tuple[ProviderCopy, ...] = ()
        #: By server, or by the run of a copy: not before this, in monotonic seconds.
        self._due: dict[str, float] = {}
        self._closed = False

    def begin(self, outlooks: Iterable[Outlook], policies: Sequence[Policy], plan: Plan) -> None:
        """Have those made that are due, and note what else there is to do.

        Other daemons may do so at the same moment; one of us will.
        """
        able = [
            (each, choose_policy(policies, each.labels))
            for each in outlooks
            if each.provider is not None and each.provider.copies
        ]
        with self._changed:
            now = self._clock.monotonic()
            self._due = {key: due for key, due in self._due.items() if due > now}
        self._watched = tuple(_watched(able, plan.at))
        for each in self._watched:
            self._expect(each, plan.at)
        self._replaced = tuple(
            copy for each, policy in able for copy in replaced_copies(each, policy, plan.at)
        )
        for planned in plan.copies:
            if planned.start_at <= plan.at and self._is_due(planned.server):
                self._start(planned.server, partial(self._begin, planned))

    def look(self) -> None:
        """Look at those whose time has come, and remove what is replaced."""
        for each in self._watched:
            if self._is_due(each.copy.run):
                self._start(each.copy.server, partial(self._look, each))
        for copy in self._replaced:
            if self._is_due(copy.run):
                self._start(copy.server, partial(self._remove, copy))

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is being asked; false if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, seconds)

    def close(self, seconds: float) -> None:
        """Begin nothing any more, and wait so long for what is being asked."""
        with self._changed:
            self._closed = True
        self.wait(seconds)

    def _is_due(self, key: str) -> bool:
        with self._changed:
            return self._clock.monotonic() >= self._due.get(key, 0.0)

    def _put_off(self, key: str, length: timedelta) -> None:
        with self._changed:
            self._due[key] = self._clock.monotonic() + length.total_seconds()

    def _expect(self, watched: "_Watched", now: datetime) -> None:
        """One that was not looked at here yet: it is due as if we had looked when others did."""
        copy = watched.copy
        pause = pause_before_look(copy, watched.policy, watched.until)
        left = min(max(copy.looked_at + pause - now, timedelta()), pause)
        with self._changed:
            due = self._clock.monotonic() + left.total_seconds()
            self._due.setdefault(copy.run, due)

    def _start(self, server: str, work: Callable[[], None]) -> None:
        with self._changed:
            if self._closed or server in self._busy or len(self._busy) >= _AT_ONCE:
                return
            self._busy.add(server)
        # As a daemon thread it keeps no process alive: whatever it asks for is found again.
        threading.Thread(
            target=self._carry_out, args=(server, work), name=f"copy-{server}", daemon=True
        ).start()

    def _carry_out(self, server: str, work: Callable[[], None]) -> None:
        try:
            work()
        except LapseguardError as error:
            # Somebody else does it, or a person has changed what is on record meanwhile.
            self._put_off(server, _REST)
            LOG.info("provider_copy.left", server=server, message=str(error))
        except Exception as error:  # noqa: BLE001 - no server may keep the others from their turn
            self._put_off(server, _REST)
            LOG.error("provider_copy.broke", server=server, error=repr(error), exc_info=error)
        finally:
            with self._changed:
                self._busy.discard(server)
                self._changed.notify_all()

    def _begin(self, planned: PlannedCopy) -> None:
        LOG.info("provider_copy.started", server=planned.server, reason=planned.explanation)
        copy = begin_copy(
            self._make_tools(),
            planned.server,
            planned.kind,
            is_expected=lambda newest: (newest.run if newest else None) == planned.after,
        )
        _tell(copy)

    def _look(self, watched: "_Watched") -> None:
        before = watched.copy
        self._put_off(before.run, _REST)
        copy = look_again(self._make_tools(), before.run)
        self._put_off(copy.run, pause_before_look(copy, watched.policy, watched.until))
        if copy.state is not before.state or copy.problem is not None:
            _tell(copy)

    def _remove(self, before: ProviderCopy) -> None:
        self._put_off(before.run, _REMOVAL_REST)
        try:
            _tell(remove_copy(self._make_tools(), before.run))
        except (LapseguardError, BackendError) as error:
            LOG.warning("provider_copy.kept", run=before.run, message=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A copy, and what says when it is looked at; see `pause_before_look`."""

    copy: ProviderCopy
    policy: Policy
    until: datetime | None


def _watched(able: Iterable[tuple[Outlook, Policy]], now: datetime) -> Iterator[_Watched]:
    """Those under way, and the newest complete ones: others rely on them."""
    for outlook, policy in able:
        provider, life = outlook.provider, outlook.life
        until = None if life is None else snapshots_end(life.timeline, now)
        for copy in {provider.attempt, provider.newest} if provider else ():
            if copy is not None and (copy.is_creating or copy.state is CopyState.COMPLETE):
                yield _Watched(copy=copy, policy=policy, until=until)


def _tell(copy: ProviderCopy) -> None:
    say = LOG.info if copy.problem is None else LOG.warning
    say(
        f"provider_copy.{copy.state.value}",
        server=copy.server,
        run=copy.run,
        progress=copy.progress,
        message=None if copy.problem is None else copy.problem.message,
    )
