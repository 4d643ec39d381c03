"""What the settings say about planning, and what they may not say."""

from datetime import time, timedelta
from pathlib import Path

import pytest

from daemon.domain.plan import QuietHours
from daemon.domain.policy import DEFAULT_POLICY, Policy, Rung, choose_policy
from daemon.domain.verification import Depth
from daemon.errors import SettingsError
from daemon.settings import Configuration, Environment, configure, settings_from_text


def load(text: str) -> Configuration:
    environment = Environment(variables={}, home=Path("/home/li"), superuser=False)
    return configure(settings_from_text(text, Path("/etc/lapseguard.toml")), environment)


def problems(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(text)
    return str(caught.value)


def policies(text: str) -> dict[str, Policy]:
    return {policy.name: policy for policy in load(text).policies}


def test_without_a_word_the_default_policy_is_for_everybody() -> None:
    assert load("").policies == (DEFAULT_POLICY,)


def test_a_policy_says_only_what_it_has_otherwise() -> None:
    found = policies(
        """
        [policies.default]
        margin = "3h"
        depth = "hashed"
        [policies.databases]
        labels = ["database"]
        margin = "6h"
        """
    )
    assert found["default"].margin == timedelta(hours=3)
    assert found["databases"].margin == timedelta(hours=6)
    assert found["databases"].depth is Depth.HASHED
    assert found["databases"].ladder == DEFAULT_POLICY.ladder


def test_a_server_follows_the_policy_that_asks_for_most_of_its_labels() -> None:
    text = """
        [policies.databases]
        labels = ["database"]
        [policies.dear-databases]
        labels = ["database", "dear"]
        """
    found = load(text).policies
    assert choose_policy(found, ("web",)).name == "default"
    assert choose_policy(found, ("database", "web")).name == "databases"
    assert choose_policy(found, ("dear", "database")).name == "dear-databases"


@pytest.mark.parametrize(
    ("seed", "withins"),
    [("60d", [60, 14, 3]), ("20d", [20, 14, 3]), ("10d", [10, 3]), ("2d", [2])],
)
def test_an_earlier_or_later_seed_leaves_a_ladder_that_comes_nearer(
    seed: str, withins: list[int]
) -> None:
    ladder = policies(f'[policies.default]\nseed = "{seed}"')["default"].ladder
    assert [rung.within.days for rung in ladder] == withins


def test_a_seed_between_two_rungs_keeps_the_interval_that_held_there() -> None:
    ladder = policies('[policies.default]\nseed = "10d"')["default"].ladder
    assert ladder[0] == Rung(within=timedelta(days=10), every=timedelta(days=1))


def test_a_ladder_of_ones_own_replaces_the_default_one() -> None:
    found = policies('[policies.default]\nladder = [{ within = "9d", every = "12h" }]')["default"]
    assert found.ladder == (Rung(within=timedelta(days=9), every=timedelta(hours=12)),)
    assert found.seed == timedelta(days=9)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('margin = "2 hours"', "is not a length of time. Write 15d"),
        ("margin = 7200", "must be a text like 15d"),
        ("quantile = 1.5", "must be less than or equal to 1"),
        ('ladder = [{ within = "3d", every = "6h" }, { within = "9d", every = "1d" }]', "nearer"),
        ('ladder = [{ within = "9d", every = "6h" }, { within = "3d", every = "1d" }]', "rarer"),
        ('retry_first = "2h"\nretry_most = "1h"', "not in order"),
        ('rescue_every = "0"', "must be longer than nothing"),
        ("provider_snapshots_kept = 0", "must be greater than or equal to 1"),
        ('labels = ["x"]', "takes no labels: it is for all others"),
        ('margins = "2h"', "did you mean `margin`?"),
    ],
)
def test_an_impossible_policy_is_refused_with_its_place(text: str, complaint: str) -> None:
    found = problems(f"[policies.default]\n{text}")
    assert found.startswith("/etc/lapseguard.toml: `policies.default")
    assert complaint in found


def test_a_policy_says_whether_the_provider_makes_one_copy_more_and_how_many_stay() -> None:
    dear = 'labels = ["dear"]\nprovider_snapshot = true\nprovider_snapshots_kept = 3'
    found = policies(f"[policies.dear]\n{dear}")
    assert (found["dear"].provider_snapshot, found["dear"].provider_snapshots_kept) == (True, 3)
    assert (found["default"].provider_snapshot, found["default"].provider_snapshots_kept) == (
        False,
        1,
    )


def test_a_policy_that_nothing_chooses_is_refused() -> None:
    assert "`policies.web` names no `labels`" in problems('[policies.web]\nmargin = "1h"')


def test_limits_are_those_of_the_settings() -> None:
    limits = load(
        """
        [planning]
        slots = 5
        bandwidth = "10 MiB"
        quiet_hours = ["22:00-06:00"]
        quiet_timezone = "Europe/Berlin"
        lead = "30s"
        [stores.near]
        url = "file:///srv/near"
        [stores.far]
        url = "s3://far"
        bandwidth = "2 MiB"
        """
    ).limits
    assert (limits.slots, limits.bandwidth) == (5, 10 * 1024**2)
    assert dict(limits.stores) == {"far": 2 * 1024**2}
    assert limits.quiet == (QuietHours(begin=time(22), end=time(6), timezone="Europe/Berlin"),)
    assert limits.lead == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('quiet_hours = ["22-6"]', "must look like 22:00-06:00"),
        ('quiet_hours = ["25:00-06:00"]', "hour must be in 0..23"),
        ('quiet_hours = ["06:00-06:00"]', "must not begin and end at the same time"),
        ('quiet_timezone = "Europe/Berln"', "is not a time zone that this machine knows"),
        ("slots = 0", "must be greater than or equal to 1"),
    ],
)
def test_impossible_limits_are_refused(text: str, complaint: str) -> None:
    assert complaint in problems(f"[planning]\n{text}")


def test_lengths_of_time_are_shown_as_they_are_written() -> None:
    shown = {entry.key: entry.value for entry in load('[policies.default]\nseed = "60d"').entries}
    assert shown["policies.default.seed"] == "60d"
    assert shown["planning.lead"] == "1min"
    assert shown["daemon.lease"] == "1min30s"
