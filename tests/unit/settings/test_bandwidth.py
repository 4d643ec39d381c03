"""Limits as they are written, and what is refused."""

from datetime import time
from pathlib import Path

import pytest

from daemon.domain.bandwidth import Bandwidth, Stretch
from daemon.errors import SettingsError
from daemon.settings import Configuration, Environment, configure, settings_from_text

STORE = '[stores.main]\nurl = "file:///srv/backups"\n'


def load(text: str) -> Configuration:
    environment = Environment(variables={}, home=Path("/home/li"), superuser=False)
    return configure(settings_from_text(text, Path("/etc/lapseguard.toml")), environment)


def planning(value: str) -> Configuration:
    return load(f"[planning]\nbandwidth = {value}\n")


@pytest.mark.parametrize("value", ['"10 MiB"', "10485760", '"10485760"'])
def test_a_plain_size_holds_around_the_clock(value: str) -> None:
    found = planning(value)

    assert found.bandwidth == Bandwidth.constant(10 << 20)
    assert found.limits.bandwidth == 10 << 20


def test_a_list_of_times_is_read_in_the_zone_beside_it() -> None:
    found = load(
        '[planning]\nbandwidth = "08:00 2 MiB, 18:00 off"\nbandwidth_timezone = "Europe/Kyiv"\n'
    )

    assert found.bandwidth == Bandwidth(
        stretches=(Stretch(begin=time(8), rate=2 << 20), Stretch(begin=time(18), rate=None)),
        timezone="Europe/Kyiv",
    )


def test_planning_shares_the_slowest_time_of_the_day_and_knows_the_others() -> None:
    found = load(
        '[planning]\nbandwidth = "08:00 2 MiB, 12:00 1 MiB, 18:00 off"\n'
        + STORE
        + 'bandwidth = "06:00 off, 22:00 3 MiB"\n'
    )

    assert found.limits.bandwidth == 1 << 20
    assert found.limits.stores == {"main": 3 << 20}
    assert [each.rate for each in found.limits.rates] == [2 << 20, 1 << 20, None]
    assert [each.rate for each in found.limits.store_rates["main"]] == [None, 3 << 20]


def test_no_word_is_no_limit() -> None:
    found = load(STORE)

    assert found.bandwidth is None
    assert found.limits.bandwidth is None
    assert found.limits.stores == {}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('"fast"', "no size"),
        ('"100"', "at least 1024"),
        ('"08:00 fast"', "no size"),
        ('"08:00 2 MiB, 07:00 off"', "in the order of the day"),
        ('"08:00 2 MiB, 08:00 off"', "in the order of the day"),
        ('"08:00 2 MiB, off"', "must look like"),
        ('"25:00 2 MiB"', "no time of the day"),
        ('"08:00 off"', "leave it out"),
        ("true", "must be a size"),
        ("0", "at least 1024"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(value: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        planning(value)

    assert "`planning.bandwidth`" in str(refused.value)
    assert said in str(refused.value)
