"""How provider snapshots stand among what is planned and what is known of a server."""

from daemon.cli.output import Json, instant
from daemon.domain.copy_risk import copy_fate
from daemon.domain.outlook import Outlook
from daemon.domain.provider_copy import PlannedCopy

#: What `plan` gives as the reason.
_REASON = "provider snapshot"


def standing_json(outlook: Outlook) -> Json:
    """What `status --json` says of a server's newest complete one, or of the first attempt."""
    provider = outlook.provider
    copy = None if provider is None else provider.newest or provider.attempt
    if copy is None:
        return None
    fate = copy_fate(outlook, copy)
    return {
        "run": copy.run,
        "state": copy.state.value,
        "at": instant(copy.begun_at or copy.started_at),
        "progress": copy.progress,
        "bytes": copy.size,
        "account": copy.account,
        "same_fate": fate.shared,
        "fate": fate.sentence,
    }


def planned_copy_row(planned: PlannedCopy) -> tuple[str, ...]:
    """One row of the plan; how long the provider takes, nobody knows."""
    by = instant(planned.begin_by)
    return planned.server, planned.contract, _REASON, by, "", "", "yes"


def planned_copy_json(planned: PlannedCopy) -> Json:
    """The same for programs: the fields of a run, null where there is nothing to say."""
    return {
        "server": planned.server,
        "contract": planned.contract,
        "kind": planned.kind.value,
        "reason": _REASON,
        "explanation": planned.explanation,
        "due_at": instant(planned.start_at),
        "start_at": instant(planned.start_at),
        "start_by": instant(planned.begin_by),
        "finish_by": None,
        "estimate": None,
        "feasible": True,
        "misses_by_seconds": 0,
        "overrides_quiet": False,
        "remedies": [],
    }
