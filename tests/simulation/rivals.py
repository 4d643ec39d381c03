"""Two usual ways of saving a fleet, on the same servers, lines and slots, in the same weather."""

from datetime import datetime, time, timedelta

from daemon.domain.outlook import Outlook
from daemon.domain.policy import choose_policy
from daemon.domain.run import RunKind
from tests.simulation.daemons import SimulatedDaemon
from tests.simulation.world import Decision, Start, World

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: When the nightly list begins, by the host's clock.
NIGHT = time(2)


def _start(server: str) -> Start:
    return Start(server=server, kind=RunKind.MANUAL)


def _is_under_way(outlook: Outlook, now: datetime) -> bool:
    attempt = outlook.attempt
    return attempt is not None and attempt.finished_at is None and attempt.lease_until > now


def free_slots(world: World) -> int:
    """How many runs may begin, over all daemons."""
    return world.scenario.limits.slots - len(world.traffic.flights)


class Queue:
    """First in, first out: what the ladder asks for, in the order in which it came up.

    It knows the ladder and the stops, so it is better than most; what it lacks is looking ahead:
    no latest start, no final run, no order by deadline. What failed goes to the end.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, datetime] = {}

    def decide(self, world: World, daemon: SimulatedDaemon) -> Decision:
        """Start what has waited longest."""
        now = world.stamp(daemon)
        near = False
        for outlook in world.ledger.outlooks():
            wanted, soon = self._is_wanted(world, outlook, now)
            near = near or soon
            if wanted:
                self._waiting.setdefault(outlook.server, now)
            else:
                self._waiting.pop(outlook.server, None)
        ready = sorted(self._waiting, key=lambda server: (self._waiting[server], server))
        starts = tuple(_start(server) for server in ready[: max(0, free_slots(world))])
        for start in starts:
            del self._waiting[start.server]
        wake = timedelta(minutes=20) if near else 6 * HOUR
        return Decision(starts=starts, wake_at=world.now + wake)

    def _is_wanted(self, world: World, outlook: Outlook, now: datetime) -> tuple[bool, bool]:
        if outlook.life is None or _is_under_way(outlook, now):
            return False, outlook.life is not None
        left = outlook.life.timeline.stop_at - now
        rung = choose_policy(world.scenario.policies, outlook.labels).rung(left)
        if rung is None:
            return False, left < 31 * DAY
        attempt = outlook.attempt
        if attempt is not None and attempt.failures and attempt.finished_at is not None:
            pause = HOUR / 3 if left > timedelta() else 6 * HOUR
            if now < attempt.finished_at + pause:
                return False, True
        age = outlook.age(now)
        return age is None or age > rung.every, True


class Nightly:
    """Every server at two in the morning, in the order of names; what fails waits for a day."""

    def __init__(self) -> None:
        self._tonight: list[str] = []
        self._last: datetime | None = None

    def decide(self, world: World, daemon: SimulatedDaemon) -> Decision:
        """Go on with tonight's list; begin one where it is time and the last one is done."""
        now = daemon.wall()
        begin = datetime.combine(now, NIGHT, now.tzinfo)
        fresh = now >= begin and now - begin < HOUR and self._last != begin
        if fresh and not self._tonight and not world.traffic.flights:
            self._tonight, self._last = sorted(world.ledger.servers()), begin
        servers, starts = set(world.ledger.servers()), []
        while self._tonight and len(starts) < free_slots(world):
            server = self._tonight.pop(0)
            if server in servers and not _is_under_way(world.ledger.outlook(server), now):
                starts.append(_start(server))
        following = begin if now < begin else begin + DAY
        return Decision(starts=tuple(starts), wake_at=world.now + (following - now))
