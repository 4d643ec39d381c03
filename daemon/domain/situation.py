"""One server with everything that bears on a judgement of it, at one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.domain.need import TOLERATED_AHEAD
from daemon.domain.outlook import Outlook, VerifiedCopy
from daemon.domain.phase import Phase, Timeline
from daemon.domain.plan import PlannedRun
from daemon.domain.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of one server, and what is planned for it.

    Attributes:
        outlook: See `Outlook`.
        policy: How the server is to be saved.
        planned: The next run that is called for; None where there is none.
        latest_safe_start: When its last run has to start at the latest; None where nobody can
            say, since no contract says when it stops.
        final_from: A copy whose run began since then counts as the last one; None likewise.
        now: The present.
    """

    outlook: Outlook
    policy: Policy
    planned: PlannedRun | None = None
    latest_safe_start: datetime | None = None
    final_from: datetime | None = None
    now: datetime

    @property
    def timeline(self) -> Timeline | None:
        """When it stops; None where no active contract names the server."""
        return None if self.outlook.life is None else self.outlook.life.timeline

    @property
    def phase(self) -> Phase | None:
        """The phase that holds now."""
        return None if self.timeline is None else self.timeline.phase(self.now)

    @property
    def left(self) -> timedelta | None:
        """Time until it stops; negative afterwards."""
        return None if self.timeline is None else self.timeline.stop_at - self.now

    @property
    def slack(self) -> timedelta | None:
        """Time until the latest safe start; negative afterwards, None once it has stopped."""
        if self.latest_safe_start is None or self.has_stopped:
            return None
        return self.latest_safe_start - self.now

    @property
    def has_stopped(self) -> bool:
        """Whether ssh has ended once."""
        return self.left is not None and self.left <= timedelta()

    @property
    def age(self) -> timedelta | None:
        """How old the newest verified copy is; negative where a clock was wrong."""
        return self.outlook.age(self.now)

    @property
    def credible_copy(self) -> VerifiedCopy | None:
        """The newest verified copy, unless it claims to be of the future."""
        age = self.age
        return None if age is None or age < -TOLERATED_AHEAD else self.outlook.copy

    @property
    def has_final_copy(self) -> bool:
        """Whether a verified copy began late enough to count as the last one."""
        copy, since = self.credible_copy, self.final_from
        return copy is not None and since is not None and copy.at >= since

    @property
    def is_running(self) -> bool:
        """Whether somebody holds a run of it right now."""
        attempt = self.outlook.attempt
        return bool(attempt and attempt.finished_at is None and attempt.lease_until >= self.now)
