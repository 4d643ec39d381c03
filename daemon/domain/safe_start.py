"""When each server's last run has to start, and which copies count as made by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from daemon.domain.calling import call_all
from daemon.domain.nearing import near_ones
from daemon.domain.need import look_at
from daemon.domain.outlook import Outlook
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import Policy, choose_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeStart:
    """What is known of one server's last run.

    Attributes:
        latest: The latest start with which it ends in time, with all other servers taken into
            account as soon as its stop is near.
        final_from: A copy whose run began since then counts as the last one.
    """

    latest: datetime
    final_from: datetime


def safe_starts(
    outlooks: Sequence[Outlook],
    policies: Sequence[Policy],
    limits: Limits,
    assumptions: Assumptions,
    now: datetime,
) -> dict[str, SafeStart]:
    """The same that the planner goes by, for every server that a contract names.

    Args:
        outlooks: All that share the limits.
        policies: Of the settings.
        limits: What runs have to share.
        assumptions: For servers of which nothing is known.
        now: The present, aware.
    """
    near = near_ones(outlooks, policies, limits, assumptions, now)
    calls = call_all(near, limits, now)
    needs = {need.outlook.server: need for need in near.needs}
    found = {}
    for outlook in outlooks:
        if outlook.life is None:
            continue
        need = needs.get(outlook.server)
        if need is None:
            policy = choose_policy(policies, outlook.labels)
            need = look_at(outlook, outlook.life, policy, limits, assumptions, now=now)
        alone = need.alone_start_by
        counted = calls.counted.get(outlook.server, alone)
        found[outlook.server] = SafeStart(
            latest=calls.latest.get(outlook.server, counted),
            final_from=need.final_from(counted, limits.lead),
        )
    return found
