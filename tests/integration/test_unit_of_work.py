"""Everything or nothing, on both kinds of database, and every change in the audit trail."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.domain.audit import NO_EVENTS, verify_chain
from daemon.domain.contract import ContractState, Expiry, close, renew
from daemon.domain.verification import Depth
from daemon.errors import (
    AlreadyExists,
    DatabaseError,
    InUse,
    InvalidValue,
    NotFound,
    UnknownTimeZone,
)
from daemon.store.engine import open_engine
from daemon.store.errors import DatabaseReadOnly
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import (
    NOW,
    RUN,
    FakeClock,
    a_contract,
    a_server,
)
from tests.histories import LEASE, claim


def kinds(unit):
    return [event.kind for event in unit.audit.events()]


# Transactions


def test_what_is_not_committed_never_happened(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())

    def register_twice() -> None:
        with open_unit() as unit:
            unit.servers.add(a_server())
            unit.servers.add(a_server())
            unit.commit()

    with pytest.raises(AlreadyExists):
        register_twice()
    with open_unit(read_only=True) as unit:
        assert unit.servers.list() == ()
        assert unit.audit.head() == NO_EVENTS


def test_a_committed_unit_is_at_its_end(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.commit()
        with pytest.raises(DatabaseError, match="closed"):
            unit.servers.list()
        with pytest.raises(RuntimeError, match="ended"):
            unit.commit()


def test_a_reader_sees_one_instant_and_waits_for_no_writer(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.commit()
    with open_unit(read_only=True) as reader:
        assert len(reader.servers.list()) == 1
        with open_unit() as writer:
            writer.servers.add(a_server(name="web-2"))
            with open_unit(read_only=True) as another:
                assert len(another.servers.list()) == 1
            assert len(reader.servers.list()) == 1


def test_what_others_commit_meanwhile_does_not_change_what_a_reader_sees(postgres_url):
    engine = open_engine(postgres_url)

    def unit_on(*, read_only: bool) -> UnitOfWork:
        return UnitOfWork(engine, clock=FakeClock(), actor="tester", read_only=read_only)

    with unit_on(read_only=True) as reader:
        assert reader.servers.list() == ()
        with unit_on(read_only=False) as writer:
            writer.servers.add(a_server())
            writer.commit()
        assert reader.servers.list() == ()
    engine.dispose()


def test_a_reader_cannot_write(open_unit):
    with open_unit(read_only=True) as unit, pytest.raises(DatabaseReadOnly):
        unit.servers.add(a_server())


def test_writers_take_turns_and_the_audit_trail_stays_one_chain(open_unit):
    def register(number: int) -> None:
        with open_unit(actor=f"person-{number}") as unit:
            unit.servers.add(a_server(name=f"web-{number}"))
            unit.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(register, range(20)))
    with open_unit(read_only=True) as unit:
        events = list(unit.audit.events())
        assert len(unit.servers.list()) == len(events) == 20
        assert verify_chain(events) == ()


# Servers


def test_a_server_comes_back_as_it_was_registered(open_unit):
    plain = a_server()
    full = a_server(
        name="db-1",
        port=2222,
        identity="/keys/db",
        paths=("/", "/boot", "/数据"),
        excludes=("*.tmp", "/proc"),
        sudo=True,
        one_file_system=True,
        store="cold",
        verify_depth=Depth.HASHED,
        created_at=NOW.replace(microsecond=123456),
    )
    with open_unit() as unit:
        unit.servers.add(plain)
        unit.servers.add(full)
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.servers.list() == (full, plain)
        assert unit.servers.get("db-1") == full


def test_a_server_is_changed_and_removed_but_its_registration_date_stays(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.servers.update(a_server(host="other.example", created_at=NOW + timedelta(days=9)))
        assert unit.servers.get("web-1") == a_server(host="other.example")
        unit.servers.remove("web-1")
        assert unit.servers.list() == ()
        assert kinds(unit) == ["server.added", "server.updated", "server.removed"]


def test_a_name_is_taken_once_and_a_misspelt_one_is_corrected(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        with pytest.raises(AlreadyExists):
            unit.servers.add(a_server())
        for missing in (unit.servers.get, unit.servers.remove):
            with pytest.raises(NotFound) as refused:
                missing("web-l")
            assert refused.value.hint == "Did you mean web-1?"
        with pytest.raises(NotFound):
            unit.servers.update(a_server(name="nowhere"))


def test_a_server_is_kept_while_a_contract_that_is_not_closed_names_it(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(a_contract())
        with pytest.raises(InUse, match="web-2026"):
            unit.servers.remove("web-1")
        unit.contracts.record_closing(close(a_contract(), reason="moved", who="li", at=NOW))
        unit.servers.remove("web-1")
        assert unit.contracts.get("web-2026").servers == ("web-1",)


# Contracts


def test_a_contract_comes_back_in_its_own_words(open_unit):
    contract = a_contract(
        servers=("web-2", "web-1"),
        reference="i-123",
        account="4711",
        expiry=Expiry(text="2026-12-31T18:00"),
    )
    with open_unit() as unit:
        for name in ("web-1", "web-2", "web-3"):
            unit.servers.add(a_server(name=name))
        unit.contracts.add(contract)
        unit.contracts.add(a_contract(name="other", servers=("web-3",)))
        unit.commit()
    with open_unit(read_only=True) as unit:
        assert unit.contracts.get("web-2026") == contract
        assert [c.name for c in unit.contracts.list()] == ["other", "web-2026"]
        assert unit.contracts.of_server("web-1") == (contract,)
        assert unit.contracts.list(state=ContractState.CLOSED) == ()


def test_a_contract_is_not_recorded_for_nobody_or_for_no_known_time(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        with pytest.raises(NotFound, match="server 'web-9'"):
            unit.contracts.add(a_contract(servers=("web-9",)))
        with pytest.raises(UnknownTimeZone):
            unit.contracts.add(a_contract(expiry=Expiry(text="2026-12-31", timezone="Mars/X")))
        unit.contracts.add(a_contract())
        with pytest.raises(AlreadyExists):
            unit.contracts.add(a_contract())
        with pytest.raises(NotFound) as missing:
            unit.contracts.get("web-2027")
        assert missing.value.hint == "Did you mean web-2026?"


def test_a_renewal_moves_the_expiry_and_is_kept(open_unit):
    contract = a_contract()
    renewed, renewal = renew(contract, Expiry(text="2027-12-31"), evidence="#1", who="li", at=NOW)
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(contract)
        unit.contracts.record_renewal(renewal)
        unit.commit()
    with open_unit() as unit:
        assert unit.contracts.get("web-2026") == renewed
        assert unit.contracts.renewals("web-2026") == (renewal,)
        assert kinds(unit)[-1] == "contract.renewed"
        with pytest.raises(InvalidValue, match="meanwhile"):
            unit.contracts.record_renewal(renewal)


def test_a_closed_contract_says_why_and_is_neither_renewed_nor_closed_again(open_unit):
    contract = a_contract()
    closed = close(contract, reason="migrated", who="li", at=NOW)
    _, renewal = renew(contract, Expiry(text="2027-12-31"), evidence="#1", who="li", at=NOW)
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(contract)
        unit.contracts.record_closing(closed)
        assert unit.contracts.list(state=ContractState.CLOSED) == (closed,)
        assert unit.contracts.of_server("web-1") == ()
        with pytest.raises(InvalidValue):
            unit.contracts.record_closing(closed)
        with pytest.raises(InvalidValue):
            unit.contracts.record_renewal(renewal)


# Audit


def test_the_trail_names_who_when_and_what_and_shows_a_forged_event(open_unit):
    with open_unit(actor="li@ops-1") as unit:
        unit.servers.add(a_server())
        unit.audit.record("restore.finished", RUN, {"files": 3})
        unit.commit()
    with open_unit(read_only=True) as unit:
        added, restored = unit.audit.events()
        assert (added.actor, added.kind, added.subject) == ("li@ops-1", "server.added", "web-1")
        assert '"host":"192.0.2.7"' in added.payload
        assert list(unit.audit.events(after=1)) == [restored]
        assert list(unit.audit.events(subject="web-1")) == [added]
        assert unit.audit.head().hash == restored.hash
        assert verify_chain([replace(added, actor="nobody"), restored])


def test_a_long_trail_is_read_in_pieces_without_losing_any(open_unit):
    with open_unit() as unit:
        for number in range(1005):
            unit.audit.record("note.written", "x", {"number": number})
        assert [event.sequence for event in unit.audit.events()] == list(range(1, 1006))


def test_the_newest_instant_is_that_of_the_last_event_whatever_came_before(sqlite_url):
    engine, clock = open_engine(sqlite_url), FakeClock(NOW + timedelta(days=400))
    with UnitOfWork(engine, clock=clock, actor="li") as unit:
        assert unit.audit.newest_at() is None
        unit.servers.add(a_server())
        assert unit.audit.newest_at() == clock.at
        clock.at = NOW  # set right again
        unit.servers.remove("web-1")
        assert unit.audit.newest_at() == NOW
        assert unit.audit.head().sequence == 2


def test_the_head_shows_every_change_and_nothing_but_changes(open_unit):
    with open_unit() as unit:
        run = claim(unit)
        unit.commit()
    heads = []
    for change in (
        lambda unit: unit.runs.extend_lease(run, LEASE),
        lambda unit: unit.servers.add(a_server()),
        lambda unit: unit.standings.measure("web-1", 5),
        lambda unit: unit.standings.measure("web-1", 5),
    ):
        with open_unit(at_once=True) as unit:
            change(unit)
            unit.commit()
        with open_unit(read_only=True) as unit:
            heads.append(unit.audit.head().sequence)
    assert heads == [1, 2, 3, 3]
