"""The fields that programs rely on: one may be added, none is ever dropped or renamed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.parts.program import Program

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SOON = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
LATER = (datetime.now(UTC) + timedelta(days=12)).date().isoformat()
STATUS = (
    *("server", "contract", "provider", "phase", "expires", "stop_at", "release_at"),
    *("latest_safe_start", "slack_seconds", "newest_verified", "verdict", "reasons", "keeps"),
)
#: Of each reading command: the fields of its document, or of each thing that it lists.
FIELDS = {
    ("status",): STATUS,
    ("plan",): (
        *("server", "contract", "reason", "start_by", "finish_by", "estimate", "feasible"),
        *("misses_by_seconds", "kind", "start_at", "due_at", "remedies", "explanation"),
    ),
    ("plan", "--until", LATER): ("at", "server", "event", "reason"),
    ("simulate", "--until", LATER): ("at", "server", "event", "reason"),
    ("simulate", "--at", LATER): ("at", "event", "reason", *STATUS),
    ("check",): ("state", "exit_code", "summary", "details", "figures"),
    ("safe-to-lapse", "web-1"): ("server", "safe", "reasons"),
    ("calendar",): ("uid", "event", "at", "summary", "provider", "cancelled"),
    ("timeline",): (
        *("server", "verdict", "now", "runs", "latest_safe_start"),
        *("expires", "stop_at", "release_at"),
    ),
    ("contract", "list"): ("contract", "servers", "expires", "stop_at", "release_at", "phases"),
    ("contract", "show", "near"): ("contract", "phases", "renewals", "acknowledgements"),
    ("preset", "list"): ("preset", "phases", "sources", "checked", "confidence", "warnings"),
}


@pytest.fixture
def fleet(installed: Program) -> Program:
    """A server that stops in ten days."""
    installed.add_server("web-1")
    installed.add_contract("near", SOON, "--timezone", "UTC")
    return installed


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, object]]:
    """Everything in a document that is neither list nor object, with its field's name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize("words", FIELDS, ids=" ".join)
def test_a_document_has_its_fields_and_instants_in_utc(
    fleet: Program, words: tuple[str, ...]
) -> None:
    document = fleet.run(*words, "--json").document
    things = document if isinstance(document, list) else [document]
    assert things
    for thing in things:
        assert set(FIELDS[words]) - set(thing) == set()
    for name, value in leaves(document):
        if value is not None and (name == "at" or name.endswith(("_at", "_by", "expires"))):
            assert _INSTANT.fullmatch(str(value)), name
        if name.endswith("_seconds"):
            assert value is None or type(value) is int
