"""The whole fleet as planning sees it, with the rules that it is planned by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from daemon.domain.demand import latest_safe_start
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits, Plan, PlannedRun, Reason
from daemon.domain.planner import plan
from daemon.domain.policy import Policy, choose_policy
from daemon.domain.safe_start import SafeStart, safe_starts
from daemon.domain.situation import Situation
from daemon.domain.status import ServerStatus, judge
from daemon.domain.survey import Survey, plan_one, survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What is known, and what follows from it at any moment.

    Attributes:
        outlooks: Every server.
        policies: Ways of saving servers; labels choose among them.
        limits: What runs share.
        assumptions: What is taken for granted.
    """

    outlooks: tuple[Outlook, ...]
    policies: tuple[Policy, ...]
    limits: Limits
    assumptions: Assumptions

    def with_outlooks(self, outlooks: Iterable[Outlook]) -> "Prospect":
        """The same rules for other servers, or for the same ones later."""
        return replace(self, outlooks=tuple(outlooks))

    def policy(self, outlook: Outlook) -> Policy:
        """How a server is saved."""
        return choose_policy(self.policies, outlook.labels)

    def plan(self, now: datetime) -> Plan:
        """What is called for at that moment."""
        return plan(self.outlooks, self.policies, self.limits, self.assumptions, now)

    def survey(self, outlooks: Sequence[Outlook], now: datetime) -> Survey:
        """The plan for some of the servers, by the same rules, with its grounds."""
        return survey(outlooks, self.policies, self.limits, self.assumptions, now)

    def plan_one(self, outlook: Outlook, grounds: Survey, now: datetime) -> PlannedRun | None:
        """The next run of one server; see `daemon.domain.survey`."""
        policy = self.policy(outlook)
        return plan_one(outlook, policy, self.limits, self.assumptions, grounds=grounds, now=now)

    def latest_alone(self, outlook: Outlook, now: datetime) -> datetime | None:
        """When the last run of a server would have to start if nothing else had to run."""
        policy = self.policy(outlook)
        return latest_safe_start(outlook, policy, self.limits, self.assumptions, now)

    def situations(self, now: datetime) -> tuple[Situation, ...]:
        """Every server with what is planned for it."""
        runs = {run.demand.server: run for run in self.plan(now).runs}
        starts = safe_starts(self.outlooks, self.policies, self.limits, self.assumptions, now)
        return tuple(
            self._situation(each, runs.get(each.server), starts.get(each.server), now)
            for each in self.outlooks
        )

    def statuses(self, now: datetime) -> tuple[ServerStatus, ...]:
        """The verdict on every server, the gravest first."""
        judged = map(judge, self.situations(now))
        return tuple(sorted(judged, key=lambda status: status.urgency))

    def _situation(
        self,
        outlook: Outlook,
        planned: PlannedRun | None,
        start: SafeStart | None,
        now: datetime,
    ) -> Situation:
        return Situation(
            outlook=outlook,
            policy=self.policy(outlook),
            planned=planned,
            latest_safe_start=_latest(start, planned),
            final_from=start.final_from if start else None,
            now=now,
        )


def _latest(start: SafeStart | None, planned: PlannedRun | None) -> datetime | None:
    """Where not everything fits, what does fit is not late for what does not."""
    if start is None or planned is None or not planned.feasible:
        return start.latest if start else None
    apart = planned.demand.reason is Reason.RESCUE or planned.demand.optional
    return start.latest if apart else max(start.latest, planned.start_by)
