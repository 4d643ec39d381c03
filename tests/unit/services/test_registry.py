"""What a person writes about time is understood, or answered with what was probably meant."""

from datetime import UTC, datetime

import pytest

from daemon.domain.server import host_key_from
from daemon.errors import InvalidValue, UnknownTimeZone
from daemon.services.registry import expiry_of, nearest_zones
from tests.factories import HOST_KEY


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Asia/Shangai", "Asia/Shanghai"),
        ("asia/shanghai", "Asia/Shanghai"),
        ("Shanghai", "Asia/Shanghai"),
        ("Europe/Berln", "Europe/Berlin"),
        ("new york", "America/New_York"),
    ],
)
def test_the_nearest_zones_have_the_one_that_was_meant(written: str, meant: str) -> None:
    assert meant in nearest_zones(written)


def test_an_unknown_zone_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownTimeZone) as caught:
        expiry_of("2026-12-31", "Asia/Shangai")
    assert "Asia/Shanghai" in caught.value.hint


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Asia", "", "posixrules/x"])
def test_no_odd_zone_gets_through(zone: str) -> None:
    if zone:
        with pytest.raises(UnknownTimeZone):
            expiry_of("2026-12-31", zone)
    else:
        assert expiry_of("2026-12-31", zone).timezone is None


def test_a_date_in_a_zone_is_its_first_instant() -> None:
    expected = datetime(2026, 12, 30, 16, tzinfo=UTC)
    assert expiry_of("2026-12-31", "Asia/Shanghai").instant() == expected


@pytest.mark.parametrize("text", ["2026-13-01", "soon", "", "2026-12-31 18:00", "0001-01-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        expiry_of(text, "UTC")


@pytest.mark.parametrize(
    "pasted",
    [HOST_KEY, f"{HOST_KEY} root@web-1", f"192.0.2.7 {HOST_KEY}", f"  {HOST_KEY}\n"],
)
def test_a_host_key_is_found_in_what_people_paste(pasted: str) -> None:
    assert host_key_from(pasted) == HOST_KEY
