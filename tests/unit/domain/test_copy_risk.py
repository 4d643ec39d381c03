"""Provider copies in the verdict: told of, and never taken for safety."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from daemon.domain.copy_fate import Bill, fate_of
from daemon.domain.copy_retention import pause_before_look, replaced_copies
from daemon.domain.event import Happening
from daemon.domain.forecast import forecast
from daemon.domain.outlook import Outlook
from daemon.domain.phase import Timeline
from daemon.domain.policy import DEFAULT_POLICY, Policy
from daemon.domain.provider_copy import (
    ProviderCopy,
    ProviderStanding,
    give_up,
    remove,
)
from daemon.domain.rescue import snapshots_end
from daemon.domain.status import ServerStatus
from daemon.domain.verdict import Verdict
from daemon.errors import IllegalTransition
from tests.factories import NOW
from tests.unit.domain.prospects import DAY, HOUR, MINUTE, a_copy, a_prospect, an_outlook
from tests.unit.domain.provider_copies import (
    DISK,
    REFUSED,
    RESCUABLE,
    a_provider_copy,
    copied,
    creating,
    elsewhere,
    refused,
)

SECOND = timedelta(seconds=1)
OURS = (Bill(contract="c-1", account="ours"),)


def stopped(**known: Any) -> Outlook:
    """A server that stopped a day ago and is billed to an account of that name."""
    outlook = an_outlook(left=-DAY, course=RESCUABLE, **known)
    assert outlook.life is not None
    return replace(outlook, life=replace(outlook.life, account="ours"))


def judged(outlook: Outlook) -> ServerStatus:
    (status,) = a_prospect(outlook).statuses(NOW)
    return status


def test_a_copy_that_dies_with_the_account_changes_no_verdict_and_is_named() -> None:
    without, with_copy = judged(stopped()), judged(stopped(provider=copied(a_provider_copy())))

    assert without.verdict is with_copy.verdict is Verdict.LOST
    (said,) = set(with_copy.reasons) - set(without.reasons) - {_advice(without)}
    assert "but it dies with the account" in said


def _advice(status: ServerStatus) -> str:
    """What a server without a machine on record is told."""
    return next((reason for reason in status.reasons if "server machine set" in reason), "")


@pytest.mark.parametrize("copy", [None, a_copy(9 * DAY)])
def test_a_copy_that_outlives_the_account_is_better_than_nothing_and_no_more(copy: Any) -> None:
    status = judged(stopped(copy=copy, provider=copied(elsewhere())))

    assert status.verdict is Verdict.AT_RISK
    assert any("nothing of it is verified" in reason for reason in status.reasons)


@pytest.mark.parametrize(
    ("story", "provider"),
    [
        ("it is too old", copied(elsewhere(9 * DAY))),
        ("it is not finished", copied(creating(kind="command", account="vault"))),
        ("a clock dated it ahead", copied(elsewhere(-HOUR))),
        ("it is in the server's own account", copied(elsewhere(account="OURS"))),
    ],
)
def test_it_counts_for_nothing_where(story: str, provider: ProviderStanding) -> None:
    assert judged(stopped(provider=provider)).verdict is Verdict.LOST, story


def test_it_makes_no_running_server_safe() -> None:
    running = an_outlook(left=DAY, provider=copied(elsewhere()))
    assert judged(running).verdict >= Verdict.AT_RISK


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (copied(creating()), "it was at 40 %"),
        (copied(creating(problem=REFUSED, failures=1)), "could not be asked about"),
        (copied(refused()), "has failed: The provider refuses."),
    ],
)
def test_what_is_under_way_or_failed_is_told(provider: ProviderStanding, said: str) -> None:
    assert any(said in reason for reason in judged(stopped(provider=provider)).reasons)


def test_a_server_that_could_be_copied_if_only_its_machine_were_known_is_told_how() -> None:
    assert "lapseguard server machine set web-1" in _advice(judged(stopped()))
    assert not _advice(judged(stopped(provider=copied())))


@pytest.mark.parametrize(
    ("copy", "bills", "shared"),
    [
        (a_provider_copy(), OURS, True),
        (a_provider_copy(account="another"), OURS, True),
        (elsewhere(), OURS, False),
        (elsewhere(account="ours"), OURS, True),
        (elsewhere(), (Bill(contract="c-1", account=None),), True),
        (elsewhere(), (*OURS, Bill(contract="c-2", account="Vault")), True),
        (elsewhere(), (), True),
    ],
)
def test_only_an_account_that_is_known_to_be_another_one_is(
    copy: ProviderCopy,
    bills: tuple[Bill, ...],
    shared: bool,  # noqa: FBT001 - a row of the table
) -> None:
    assert fate_of(copy, bills).shared is shared


KEEP_TWO = Policy(provider_snapshots_kept=2)
THREE = tuple(a_provider_copy(each * DAY) for each in (1, 2, 3))


@pytest.mark.parametrize(
    ("story", "outlook", "policy", "removed"),
    [
        ("the newest stays", an_outlook(provider=copied(*THREE)), DEFAULT_POLICY, THREE[1:]),
        ("the newest two stay", an_outlook(provider=copied(*THREE)), KEEP_TWO, THREE[2:]),
        ("the last one stays", an_outlook(provider=copied(THREE[0])), DEFAULT_POLICY, ()),
        ("the stop is near", an_outlook(left=2 * DAY, provider=copied(*THREE)), KEEP_TWO, ()),
        ("the contract lapses", stopped(provider=copied(*THREE)), DEFAULT_POLICY, ()),
        (
            "the contract is closed",
            an_outlook(left=None, provider=copied(*THREE)),
            DEFAULT_POLICY,
            THREE[1:],
        ),
        (
            "nobody knows how",
            an_outlook(provider=copied(*THREE, can_copy=False)),
            DEFAULT_POLICY,
            (),
        ),
        (
            "another account is no replacement",
            an_outlook(provider=copied(THREE[0], elsewhere(2 * DAY))),
            DEFAULT_POLICY,
            (),
        ),
        (
            "a failed or unfinished one is no replacement",
            an_outlook(provider=copied(creating(), refused(2 * HOUR), THREE[0])),
            DEFAULT_POLICY,
            (),
        ),
        (
            "what failed before goes as well",
            an_outlook(provider=copied(THREE[0], refused(2 * DAY))),
            DEFAULT_POLICY,
            (refused(2 * DAY),),
        ),
    ],
)
def test_what_is_removed_where(
    story: str, outlook: Outlook, policy: Policy, removed: tuple[ProviderCopy, ...]
) -> None:
    assert replaced_copies(outlook, policy, NOW) == removed, story


def test_looks_become_rarer_and_failures_rarer_still() -> None:
    pauses = [
        pause_before_look(creating(DAY, looked_at=NOW - DAY + taken), DEFAULT_POLICY)
        for taken in (timedelta(), MINUTE, HOUR)
    ]
    assert pauses == [2 * SECOND, 12 * SECOND, MINUTE]
    assert pause_before_look(creating(failures=3), DEFAULT_POLICY) == 4 * MINUTE


def test_what_could_not_be_asked_for_is_asked_for_again_while_the_provider_still_makes_it() -> None:
    """Once it is under way over there, the end of the phase does not matter any more."""
    until = snapshots_end(_timeline(), NOW)
    assert until == NOW + 9 * DAY
    unasked = creating(looked_at=until - 10 * MINUTE, volumes=(), failures=60)

    assert pause_before_look(unasked, DEFAULT_POLICY, until) < 10 * MINUTE
    assert pause_before_look(replace(unasked, volumes=(DISK,)), DEFAULT_POLICY, until) == HOUR


def _timeline() -> Timeline:
    life = stopped().life
    assert life is not None
    return life.timeline


@pytest.mark.parametrize("copy", [a_provider_copy(), refused()])
def test_what_has_ended_does_not_change_any_more(copy: ProviderCopy) -> None:
    with pytest.raises(IllegalTransition):
        give_up(copy, REFUSED, NOW)


def test_what_is_under_way_is_not_removed() -> None:
    with pytest.raises(IllegalTransition):
        remove(creating(), NOW)


def test_the_forecast_has_the_provider_copy_a_server_that_nobody_saves() -> None:
    """No run can save it any more; the provider can, once it makes snapshots."""
    prospect = a_prospect(an_outlook(left=-HOUR, course=RESCUABLE, provider=copied()))

    seen = forecast(prospect, NOW, NOW + 2 * DAY)
    idle = forecast(prospect, NOW, NOW + 2 * DAY, nothing_runs=True)

    (event,) = (each for each in seen.events if each.event is Happening.PROVIDER_SNAPSHOT)
    assert event.at == NOW
    assert Happening.PROVIDER_SNAPSHOT not in {each.event for each in idle.events}
    (standing,) = (each.provider for each in seen.outlooks)
    assert standing is not None
    assert standing.newest is not None


def test_the_forecast_has_none_for_a_server_whose_last_run_comes_in_time() -> None:
    prospect = a_prospect(an_outlook(left=2 * DAY, course=RESCUABLE, provider=copied()))

    seen = forecast(prospect, NOW, NOW + 5 * DAY)

    assert Happening.PROVIDER_SNAPSHOT not in {each.event for each in seen.events}
