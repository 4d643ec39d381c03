"""Contracts are changed, moved and decided about; each change is on record, on both databases."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.audit import verify_chain
from daemon.domain.contract import Expiry, close, renew
from daemon.domain.dump import DatabaseDump
from daemon.domain.freezing import Freezing
from daemon.domain.machine import ProviderMachine
from daemon.domain.phase import Course, Phase
from daemon.errors import AlreadyExists, InvalidValue, NotFound, UnknownTimeZone
from tests.factories import NOW, a_contract, a_server

COURSE = Course(
    phases=(
        Phase(name="grace", start=timedelta(days=-1), ssh=True, renewal=True),
        Phase(name="stopped", start=timedelta(days=15, hours=6), snapshot=True, renewal=True),
        Phase(name="released", start=timedelta(days=30), data=False),
    )
)
FULL = {
    "reference": "i-123",
    "account": "4711",
    "stores": ("main", "cold"),
    "subject": "the name example.com",
    "preset": "aliyun-ecs",
    "course": COURSE,
    "labels": ("prod", "eu"),
}


def a_fleet(unit, count=3):
    """Servers web-0, web-1 … and a contract for each."""
    servers = [a_server(name=f"web-{number}") for number in range(count)]
    contracts = [a_contract(name=f"c-{each.name}", servers=(each.name,)) for each in servers]
    unit.servers.add_all(servers)
    unit.contracts.add_all(contracts)
    return servers, contracts


def last_event(unit):
    return list(unit.audit.events())[-1]


def test_everything_said_of_a_server_comes_back_and_is_on_record(open_unit):
    server = a_server(
        labels=("prod", "eu"),
        value=900,
        priority=("/srv/www/db",),
        bandwidth=2**40,
        fate_accepted=True,
        freezing=Freezing(before=("pause", "a b"), hook_timeout=timedelta(minutes=7)),
        dumps=(
            DatabaseDump(kind="postgres", database="shöp", port=5433, timeout=timedelta(hours=1)),
            DatabaseDump(kind="command", argv=("/opt/dump", "-x 1")),
        ),
        machine=ProviderMachine(kind="ebs", id="i-0123456789abcdef0", region="cn-north-1"),
    )
    with open_unit() as unit:
        unit.servers.add(server)
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.servers.get("web-1") == server
        payload = json.loads(last_event(unit).payload)
        assert payload["labels"] == ["prod", "eu"]
        assert payload["priority"] == ["/srv/www/db"]
        assert (payload["value"], payload["bandwidth"]) == (900, 2**40)
        assert payload["fate_accepted"] is True
        assert payload["dumps"][0]["database"] == "shöp"
        assert payload["machine"]["region"] == "cn-north-1"


def test_everything_said_of_a_contract_comes_back_and_is_on_record(open_unit):
    contract = a_contract(**FULL)
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(contract)
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.contracts.get("web-2026") == contract
        payload = json.loads(last_event(unit).payload)
        assert payload["course"][1]["start"] == "15d6h"
        assert payload["stores"] == ["main", "cold"]
        assert payload["subject"] == "the name example.com"
        assert (payload["preset"], payload["labels"]) == ("aliyun-ecs", ["prod", "eu"])


def test_a_contract_may_be_about_no_server_at_all(open_unit):
    domain = a_contract(name="domain", servers=(), subject="example.com")
    with open_unit() as unit:
        unit.contracts.add(domain)
        assert unit.contracts.list() == (domain,)


def test_a_contract_is_changed_in_everything_but_its_end(open_unit):
    with open_unit() as unit:
        a_fleet(unit)
        before = unit.contracts.get("c-web-0")
        after = replace(before, servers=("web-2", "web-1"), provider="ovh", **FULL)
        unit.contracts.update(replace(after, created_at=NOW + timedelta(days=1)))
        assert unit.contracts.get("c-web-0") == after
        assert unit.contracts.of_server("web-0") == ()
        assert last_event(unit).kind == "contract.updated"
        unit.contracts.update(before)
        assert unit.contracts.get("c-web-0") == before


def test_neither_a_date_nor_an_end_slips_in_with_a_change(open_unit):
    with open_unit() as unit:
        a_fleet(unit)
        contract = unit.contracts.get("c-web-0")
        closed = close(contract, reason="moved", who="li", at=NOW)
        with pytest.raises(InvalidValue, match="without evidence") as refused:
            unit.contracts.update(replace(contract, expiry=Expiry(text="2099-01-01")))
        assert "contract renew c-web-0" in refused.value.hint
        with pytest.raises(InvalidValue, match="closed"):
            unit.contracts.update(closed)
        unit.contracts.record_closing(closed)
        with pytest.raises(InvalidValue, match="closed"):
            unit.contracts.update(contract)


def test_a_contract_is_not_changed_to_name_what_is_not_there(open_unit):
    with open_unit() as unit:
        a_fleet(unit)
        contract = unit.contracts.get("c-web-0")
        with pytest.raises(NotFound, match="server 'web-9'"):
            unit.contracts.update(replace(contract, servers=("web-9",)))
        with pytest.raises(NotFound) as missing:
            unit.contracts.update(replace(contract, name="c-web-o"))
        assert "c-web-" in missing.value.hint


def test_an_imported_date_moves_the_expiry_and_keeps_its_evidence(open_unit):
    with open_unit() as unit:
        a_fleet(unit)
        moved = [
            renew(contract, Expiry(text="2099-01-01"), evidence="fleet.toml", who="li", at=NOW)
            for contract in unit.contracts.list()
        ]
        unit.contracts.record_moves([renewal for _, renewal in moved])
        assert unit.contracts.list() == tuple(contract for contract, _ in moved)
        assert unit.contracts.renewals("c-web-1") == (moved[1][1],)
        event = last_event(unit)
        assert (event.kind, event.subject) == ("contract.moved", "c-web-2")
        assert '"evidence":"fleet.toml"' in event.payload
        with pytest.raises(InvalidValue, match="meanwhile"):
            unit.contracts.record_moves([moved[0][1]])


def test_many_are_recorded_at_once_each_with_its_event_in_one_chain(open_unit):
    with open_unit() as unit:
        servers, contracts = a_fleet(unit, 2100)
        unit.commit()
    with open_unit() as unit:
        dearer = [replace(server, value=7) for server in servers]
        unit.servers.update_all(dearer)
        labelled = [replace(contract, labels=("prod",)) for contract in contracts]
        unit.contracts.update_all(labelled)
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert sorted(unit.servers.list(), key=str) == sorted(dearer, key=str)
        assert sorted(unit.contracts.list(), key=str) == sorted(labelled, key=str)
        events = list(unit.audit.events())
        assert len(events) == 4 * 2100
        assert verify_chain(events) == ()


def test_of_many_none_is_recorded_if_one_is_wrong(open_unit):
    with open_unit() as unit:
        servers, contracts = a_fleet(unit)
        unit.commit()
    fresh = a_contract(name="fresh", servers=("web-0",))
    wrong = [
        (lambda unit: unit.servers.add_all([a_server(name="new"), servers[1]]), AlreadyExists),
        (lambda unit: unit.servers.add_all([a_server(name="new")] * 2), AlreadyExists),
        (lambda unit: unit.servers.update_all([servers[0], a_server(name="new")]), NotFound),
        (lambda unit: unit.contracts.add_all([fresh, contracts[1]]), AlreadyExists),
        (lambda unit: unit.contracts.add_all([fresh, fresh]), AlreadyExists),
        (
            lambda unit: unit.contracts.add_all([fresh, a_contract(name="x", servers=("new",))]),
            NotFound,
        ),
        (
            lambda unit: unit.contracts.add_all(
                [fresh, replace(fresh, name="x", expiry=Expiry(text="2099-01-01", timezone="M/X"))]
            ),
            UnknownTimeZone,
        ),
        (lambda unit: unit.contracts.update_all([contracts[0], fresh]), NotFound),
    ]
    for deed, error in wrong:
        with open_unit() as unit, pytest.raises(error):
            deed(unit)
    with open_unit(read_only=True) as unit:
        assert unit.servers.list() == tuple(servers)
        assert unit.contracts.list() == tuple(contracts)


def test_nothing_to_record_is_recorded_without_a_trace(open_unit):
    with open_unit() as unit:
        unit.servers.add_all([])
        unit.contracts.add_all([])
        unit.contracts.update_all([])
        unit.contracts.record_moves([])
        assert list(unit.audit.events()) == []


def an_acknowledgement(**changes):
    given = {
        "contract": "c-web-0",
        "decision": Decision.LET_LAPSE,
        "reason": "moved to Frankfurt",
        "who": "li",
        "at": NOW,
        "expiry": a_contract().expiry,
    }
    return Acknowledgement(**(given | changes))


def test_decisions_are_added_and_the_last_about_each_contract_is_found(open_unit):
    snooze = an_acknowledgement(decision=Decision.SNOOZE, until=NOW + timedelta(days=3))
    lapse = an_acknowledgement(at=NOW + timedelta(days=4), expiry=Expiry(text="2026-12-31"))
    other = an_acknowledgement(contract="c-web-1", decision=Decision.RENEWING)
    with open_unit() as unit:
        a_fleet(unit)
        for each in (snooze, other, lapse):
            unit.acknowledgements.record(each)
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.acknowledgements.of("c-web-0") == (snooze, lapse)
        assert unit.acknowledgements.of("c-web-2") == ()
        assert unit.acknowledgements.newest() == {"c-web-0": lapse, "c-web-1": other}
        event = last_event(unit)
        assert (event.kind, event.subject) == ("contract.acknowledged", "c-web-0")
        assert json.loads(event.payload)["decision"] == "let-lapse"


def test_nobody_decides_about_a_contract_that_is_not_there(open_unit):
    with open_unit() as unit:
        a_fleet(unit)
        with pytest.raises(NotFound) as missing:
            unit.acknowledgements.record(an_acknowledgement(contract="c-web-o"))
        assert "Did you mean c-web-" in missing.value.hint
