"""Which stored copy is looked at anew, and that it gives way."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from daemon.domain.outlook import Life, Outlook, VerifiedCopy
from daemon.domain.phase import UNKNOWN_COURSE, Timeline
from daemon.domain.policy import Policy
from daemon.domain.verification import Depth
from daemon.errors import Interrupted
from daemon.services.reverification import EVIDENCE_AGE, GivingWay, choose_proof, shortlist
from tests.factories import NOW

DAY = timedelta(days=1)
POLICY = Policy(depth=Depth.HASHED)


def outlook(server: str, *, left: timedelta = DAY, depth: Depth = Depth.HASHED) -> Outlook:
    timeline = Timeline(expires=NOW + left, course=UNKNOWN_COURSE)
    return Outlook(
        server=server,
        store="main",
        life=Life(contract="c-1", provider="somebody", account=None, timeline=timeline),
        copy=VerifiedCopy(run=f"run-of-{server}", at=NOW - DAY, depth=depth, store="main"),
    )


def chosen(*outlooks: Outlook, checked: dict[str, datetime] | None = None) -> Any:
    seen = {f"run-of-{each.server}": NOW for each in outlooks} | (checked or {})
    found = choose_proof(shortlist(outlooks, [POLICY], NOW), seen, NOW)
    return found and (found.copy.run, found.depth)


def test_fresh_and_deep_evidence_is_left_alone() -> None:
    assert chosen(outlook("web-1")) is None


def test_old_evidence_is_renewed() -> None:
    old = {"run-of-web-1": NOW - EVIDENCE_AGE - timedelta(seconds=1)}

    assert chosen(outlook("web-1"), checked=old) == ("run-of-web-1", Depth.HASHED)


def test_a_copy_that_is_proven_less_deeply_than_the_policy_asks_is_proven_so_deeply() -> None:
    assert chosen(outlook("web-1", depth=Depth.STORED)) == ("run-of-web-1", Depth.HASHED)


def test_the_server_that_stops_first_comes_first() -> None:
    shallow = [
        outlook("later", left=3 * DAY, depth=Depth.STORED),
        outlook("sooner", left=2 * DAY, depth=Depth.STORED),
        outlook("gone", left=-DAY, depth=Depth.STORED),
    ]

    assert chosen(*shallow) == ("run-of-sooner", Depth.HASHED)


@pytest.mark.parametrize("missing", ["copy", "life"])
def test_without_a_copy_or_a_contract_there_is_nothing_to_prove(missing: str) -> None:
    assert shortlist([replace(outlook("web-1"), **{missing: None})], [POLICY], NOW) == ()


def test_a_proof_ends_at_its_next_pack_once_something_more_urgent_begins() -> None:
    urgent = threading.Event()
    with GivingWay(urgent).proving(Depth.HASHED, 3) as step:
        step(1)
        urgent.set()
        with pytest.raises(Interrupted):
            step(1)
