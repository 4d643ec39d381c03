"""What a person may say of a machine at its provider."""

from typing import Any

import pytest

from daemon.domain.machine import ProviderMachine
from daemon.errors import InvalidValue

INSTANCE = "i-0123456789abcdef0"
COMMANDS = {"create": ("make",), "find": ("look",), "delete": ("drop",)}


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "ebs", "id": INSTANCE, "region": "eu-central-1", "profile": "rescue"},
        {"kind": "command", "id": "web 7", **COMMANDS},
    ],
)
def test_what_a_snapshot_needs_is_kept(values: dict[str, Any]) -> None:
    assert ProviderMachine(**values).id == values["id"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "gcp", "id": "x"}, "no kind of provider snapshot"),
        ({"kind": "ebs", "id": "web-1", "region": "eu-central-1"}, "not the id of an EC2 instance"),
        ({"kind": "ebs", "id": INSTANCE}, "not a region"),
        ({"kind": "ebs", "id": INSTANCE, "region": "EU!"}, "not a region"),
        ({"kind": "ebs", "id": INSTANCE, "region": "eu-central-1", **COMMANDS}, "alone"),
        ({"kind": "command", "id": "x"}, "Three commands"),
        ({"kind": "command", "id": "x", **COMMANDS, "find": ()}, "Three commands"),
        ({"kind": "command", "id": "x", **COMMANDS, "region": "eu"}, "alone"),
        ({"kind": "command", "id": "", **COMMANDS}, "is empty"),
        ({"kind": "command", "id": "x", **COMMANDS, "find": ("a\n",)}, "cannot be printed"),
    ],
)
def test_what_could_not_be_asked_for_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        ProviderMachine(**values)
