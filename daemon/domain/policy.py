"""How often, how deep and with how much time to spare a server is saved as its stop nears."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from daemon.domain.verification import Depth
from daemon.errors import InvalidValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One step of the ladder.

    Attributes:
        within: It holds from so long before the stop on, until the next rung does.
        every: No verified copy may be older than this while it holds.
    """

    within: timedelta
    every: timedelta

    def __post_init__(self) -> None:
        if self.within <= timedelta() or self.every <= timedelta():
            raise InvalidValue("A rung needs a stretch and an interval longer than nothing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One way of saving servers; chosen by labels, see `choose_policy`.

    Attributes:
        name: Of the settings' table.
        labels: Servers that carry all of these follow it; empty for the default policy only.
        ladder: Far ones first; the first rung's beginning is when the seed is made.
        margin: Time kept free between the planned end of the last run and the stop.
        final: Whether a last run is timed to end at the stop less the margin.
        rescue_every: How often a server that still answers after its stop is saved.
        slack: Less slack than this is a risk.
        depth: How deep a copy must be verified to count as safe.
        quantile: Of past durations, what is planned with; 0.9 is exceeded by one run in ten.
        retry_first: Pause after a first failure; each further one doubles it.
        retry_most: The longest pause between attempts.
        provider_snapshot: Whether the provider is asked for a snapshot before the stop, besides the
            runs; as a rescue it is asked anyway.
        provider_snapshots_kept: How many complete ones are kept of each server.
    """

    name: str = "default"
    labels: frozenset[str] = frozenset()
    ladder: tuple[Rung, ...] = (
        Rung(within=timedelta(days=30), every=timedelta(days=7)),
        Rung(within=timedelta(days=14), every=timedelta(days=1)),
        Rung(within=timedelta(days=3), every=timedelta(hours=6)),
    )
    margin: timedelta = timedelta(hours=2)
    final: bool = True
    rescue_every: timedelta = timedelta(hours=6)
    slack: timedelta = timedelta(days=1)
    depth: Depth = Depth.STORED
    quantile: float = 0.9
    retry_first: timedelta = timedelta(minutes=1)
    retry_most: timedelta = timedelta(hours=1)
    provider_snapshot: bool = False
    provider_snapshots_kept: int = 1

    def __post_init__(self) -> None:
        withins = [rung.within for rung in self.ladder]
        if not withins or withins != sorted(set(withins), reverse=True):
            raise InvalidValue(
                f"The ladder of the policy {self.name} does not come nearer to the stop."
            )
        everies = [rung.every for rung in self.ladder]
        if everies != sorted(everies, reverse=True):
            raise InvalidValue(
                f"The ladder of the policy {self.name} becomes rarer towards the stop."
            )
        if not 0 < self.quantile <= 1 or self.margin < timedelta():
            raise InvalidValue(f"The policy {self.name} has an impossible quantile or margin.")
        if not timedelta() < self.retry_first <= self.retry_most:
            raise InvalidValue(f"The pauses of the policy {self.name} are not in order.")
        if self.provider_snapshots_kept < 1:
            raise InvalidValue(f"The policy {self.name} would keep no provider snapshot.")

    @property
    def seed(self) -> timedelta:
        """How long before the stop the first copy is made."""
        return self.ladder[0].within

    def rung(self, left: timedelta) -> Rung | None:
        """The rung that holds so long before the stop; None before the seed."""
        holding = [rung for rung in self.ladder if rung.within >= left]
        return holding[-1] if holding else None


DEFAULT_POLICY: Final = Policy()


def choose_policy(policies: Iterable[Policy], labels: Iterable[str]) -> Policy:
    """The policy whose labels are all carried; of several, the one that asks for most labels.

    The one without labels is the default, `DEFAULT_POLICY` where there is none. Equal ones are
    told apart by name, the first in the alphabet winning.
    """
    carried = frozenset(labels)
    fitting = [policy for policy in policies if policy.labels <= carried]
    return min(
        fitting, key=lambda policy: (-len(policy.labels), policy.name), default=DEFAULT_POLICY
    )
