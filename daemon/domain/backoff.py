"""When a server whose run did not save everything gets its next attempt."""

from datetime import datetime, timedelta
from typing import Final

from daemon.domain.instant import shift
from daemon.domain.policy import Policy

#: Even in the last minutes attempts leave the server so long to recover.
SHORTEST: Final = timedelta(seconds=10)
#: Once the latest safe start is past, a pause takes at most this part of what is left.
_PART: Final = 8
#: Two to the power of more than this is longer than any pause.
_MOST_DOUBLINGS: Final = 40


def pause_after(failures: int, policy: Policy) -> timedelta:
    """The usual pause after so many failures in a row; doubles up to the policy's longest."""
    if failures < 1:
        return timedelta()
    doubled = policy.retry_first.total_seconds() * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    return min(policy.retry_most, timedelta(seconds=min(doubled, 1e9)))


def next_attempt(
    failed_at: datetime,
    failures: int,
    policy: Policy,
    *,
    latest: datetime,
    finish_by: datetime,
) -> datetime:
    """When the next attempt is due.

    A pause never leads past the latest start. When that is past, pauses become as short as what
    is left; they never lead past the deadline.

    Args:
        failed_at: When the last attempt ended.
        failures: How many in a row did.
        policy: Says how long pauses are.
        latest: The latest start, with the lead already taken off.
        finish_by: When the run must have ended.
    """
    pause = pause_after(failures, policy)
    if failed_at < latest:
        return min(shift(failed_at, pause), latest)
    if failed_at >= finish_by:
        return shift(failed_at, pause)
    brief = max(SHORTEST, (finish_by - failed_at) / _PART)
    return min(shift(failed_at, min(pause, brief)), finish_by)
