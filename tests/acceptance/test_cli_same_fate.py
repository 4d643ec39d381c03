"""A store that would perish with the server it keeps: refused, forced, and never forgotten."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.parts.program import Program

SOON = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()
NEAR = ("--provider", "Alibaba Cloud", "--account", "acme", "--expires", SOON, "--timezone", "UTC")


@pytest.fixture
def fleet(installed: Program) -> Program:
    """A server, and a store in the same account of the same provider."""
    settings = installed.settings.read_text()
    owner = '[stores.main]\nprovider = "aliyun"\naccount = "acme"\n'
    installed.settings.write_text(settings.replace("[stores.main]\n", owner))
    installed.add_server("web-1")
    return installed


def add(fleet: Program, *words: str) -> tuple[str, ...]:
    return ("contract", "add", "c-1", "--server", "web-1", *NEAR, *words)


def test_such_a_store_is_refused_as_the_only_copy(fleet: Program) -> None:
    error = fleet.fail(*add(fleet))
    assert error["code"] == "SameFate"
    assert "main would perish together with the server web-1" in error["message"]
    assert "account acme" in error["message"]
    assert "--accept-same-fate" in error["hint"]
    assert fleet.ask("contract", "list") == []


def test_forced_it_is_recorded_and_shown_for_good(fleet: Program) -> None:
    fleet.do(*add(fleet, "--accept-same-fate"))
    (status,) = fleet.ask("status")
    assert "account acme" in status["same_fate"][0]
    assert fleet.ask("server", "show", "web-1")["fate_accepted"] is True
    gate = fleet.run("safe-to-lapse", "web-1", "--json")
    assert any("acme" in reason for reason in gate.document["reasons"])
    lenient = fleet.run("safe-to-lapse", "web-1", "--accept-same-fate", "--json")
    assert lenient.document["reasons"] == ["There is no complete verified copy."]


def test_another_account_is_another_fate(fleet: Program) -> None:
    fleet.do(*add(fleet, "--account", "other"))
    assert fleet.ask("status")[0]["same_fate"] == []
    error = fleet.fail("contract", "update", "c-1", "--account", "acme")
    assert error["code"] == "SameFate"


def test_a_bucket_that_ends_first_is_the_same_fate(fleet: Program) -> None:
    fleet.do(*add(fleet, "--account", "other"))
    first = (datetime.now(UTC) + timedelta(days=80)).date().isoformat()
    bucket = ("contract", "add", "bucket", "--store", "main", "--provider", "ovh")
    error = fleet.fail(*bucket, "--expires", first, "--timezone", "UTC")
    assert error["code"] == "SameFate"
    assert "by the contract bucket" in error["message"]
    fleet.do(*bucket, "--expires", "2099-01-01", "--timezone", "UTC")
