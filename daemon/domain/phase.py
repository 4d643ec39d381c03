"""What happens to a server after its contract's expiry, as phases with what still works in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.domain.instant import as_utc, shift
from daemon.errors import InvalidValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of time with fixed capabilities; it lasts until the next one begins.

    Attributes:
        name: A word for people, e.g. `grace`, `stopped`, `released`; without `:`.
        start: When it begins, counted from the expiry; negative where it begins before.
        ssh: Whether the server can be reached, so that runs are possible.
        snapshot: Whether the provider still makes snapshots.
        renewal: Whether the contract can still be renewed.
        data: Whether the data still exists.
    """

    name: str
    start: timedelta
    ssh: bool = False
    snapshot: bool = False
    renewal: bool = False
    data: bool = True

    def __post_init__(self) -> None:
        if not self.name.strip() or ":" in self.name or not self.name.isprintable():
            raise InvalidValue(f"{self.name!r} cannot be the name of a phase.")
        if not self.data and (self.ssh or self.snapshot or self.renewal):
            raise InvalidValue(
                f"The phase {self.name} has no data, so there is nothing to save or to renew."
            )


#: Before the first phase of a course: everything works.
RUNNING: Final = Phase(
    name="running", start=timedelta.min, ssh=True, snapshot=True, renewal=True, data=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The phases that follow `RUNNING`, in the order of their starts.

    The last one has no data. Data that is destroyed never comes back; ssh may.

    Raises:
        InvalidValue: on construction, if that does not hold.
    """

    phases: tuple[Phase, ...]

    def __post_init__(self) -> None:
        starts = [phase.start for phase in self.phases]
        if starts != sorted(set(starts)):
            raise InvalidValue("The phases are not in the order of their starts, each later.")
        if not self.phases:
            raise InvalidValue("There is no phase.")
        if not all(phase.data for phase in self.phases[:-1]):
            raise InvalidValue("Another phase follows the one in which the data is destroyed.")
        if self.phases[-1].data:
            raise InvalidValue(
                "The phases do not say when the data is destroyed.",
                hint="Let the last one have `data = false`.",
            )

    @property
    def stop(self) -> timedelta:
        """When ssh ends for the first time, counted from the expiry."""
        return next(phase.start for phase in self.phases if not phase.ssh)

    @property
    def release(self) -> timedelta:
        """When the data is destroyed, counted from the expiry."""
        return self.phases[-1].start

    def at(self, since_expiry: timedelta) -> Phase:
        """The phase that holds so long after the expiry (negative: before it)."""
        return _last_begun(self.phases, since_expiry)


#: What is assumed of a provider of whom nothing is known: the worst.
UNKNOWN_COURSE: Final = Course(phases=(Phase(name="released", start=timedelta(), data=False),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A course laid against one contract's expiry.

    Attributes:
        expires: The contract's expiry (UTC).
        course: What follows it.
    """

    expires: datetime
    course: Course

    def __post_init__(self) -> None:
        object.__setattr__(self, "expires", as_utc(self.expires))

    @property
    def stop_at(self) -> datetime:
        """When ssh ends."""
        return shift(self.expires, self.course.stop)

    @property
    def release_at(self) -> datetime:
        """When the data is destroyed."""
        return shift(self.expires, self.course.release)

    def beginnings(self) -> tuple[tuple[datetime, Phase], ...]:
        """When each phase of the course begins, in order."""
        return tuple((shift(self.expires, phase.start), phase) for phase in self.course.phases)

    def phase(self, now: datetime) -> Phase:
        """The phase that holds at `now`."""
        return self.course.at(now - self.expires)


def _last_begun(phases: Sequence[Phase], since_expiry: timedelta) -> Phase:
    begun = [phase for phase in phases if phase.start <= since_expiry]
    return begun[-1] if begun else RUNNING
