"""Provider copies with as little said as possible, for tests of what is decided by them."""

from datetime import timedelta
from typing import Any

from daemon.domain.phase import Course, Phase
from daemon.domain.provider_copy import CopiedVolume, CopyState, ProviderCopy, ProviderStanding
from daemon.domain.run import Failure, RunKind
from tests.factories import NOW
from tests.unit.domain.prospects import DAY, HOUR

GIB = 1024**3
#: The provider makes snapshots for ten days after ssh has ended, and keeps the data for five more.
RESCUABLE = Course(
    phases=(
        Phase(name="stopped", start=timedelta(), snapshot=True, renewal=True),
        Phase(name="blocked", start=10 * DAY, renewal=True),
        Phase(name="released", start=15 * DAY, data=False),
    )
)
DISK = CopiedVolume(id="snap-1", volume="vol-1", size=GIB)
REFUSED = Failure(code="ProviderRefused", message="The provider refuses.", hint="Ask it why.")


def a_provider_copy(age: timedelta = HOUR, **changes: Any) -> ProviderCopy:
    """One that was begun so long before NOW; complete unless something else is said."""
    at = NOW - age
    given: dict[str, Any] = {
        "run": f"20261123T060101Z-{abs(hash(age)) % 0x1000000:06x}",
        "server": "web-1",
        "reason": RunKind.RESCUE,
        "kind": "ebs",
        "provider": "aws",
        "account": None,
        "region": "eu-central-1",
        "machine": "i-0123456789abcdef0",
        "state": CopyState.COMPLETE,
        "started_at": at,
        "begun_at": at,
        "looked_at": at,
        "ended_at": at,
        "progress": 100,
        "volumes": (DISK,),
        "epoch": 1,
        "owner": "ops-1:1:0-aa",
        "lease_until": at,
    }
    return ProviderCopy(**(given | changes))


def creating(age: timedelta = HOUR, **changes: Any) -> ProviderCopy:
    """One under way."""
    given: dict[str, Any] = {"state": CopyState.CREATING, "ended_at": None, "progress": 40}
    return a_provider_copy(age, **(given | changes))


def refused(age: timedelta = HOUR, failures: int = 1, **changes: Any) -> ProviderCopy:
    """One that the provider would not make."""
    given: dict[str, Any] = {
        "state": CopyState.FAILED,
        "volumes": (),
        "progress": 0,
        "problem": REFUSED,
        "failures": failures,
    }
    return a_provider_copy(age, **(given | changes))


def elsewhere(age: timedelta = HOUR, **changes: Any) -> ProviderCopy:
    """One in an account of its own."""
    return a_provider_copy(
        age, **({"kind": "command", "account": "vault", "region": None} | changes)
    )


def copied(*copies: ProviderCopy, can_copy: bool = True) -> ProviderStanding:
    """What is known of a server with these, the newest first."""
    return ProviderStanding(can_copy=can_copy, copies=copies)
