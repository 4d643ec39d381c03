"""A database of the first release keeps all it holds, and planning finds its standings there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, insert, inspect

from daemon.domain.audit import NO_EVENTS, AuditEvent, chain, head_of, verify_chain
from daemon.domain.contract import Contract, Expiry, Renewal, renew
from daemon.domain.manifest_document import read_manifest
from daemon.domain.outlook import VerifiedCopy
from daemon.domain.run import Failure, Run, RunState
from daemon.domain.server import Server
from daemon.domain.verification import Depth, Verification
from daemon.store.contract_rows import contract_values, link_values, renewal_values
from daemon.store.engine import open_engine
from daemon.store.migration import Upgrade, alembic_config, upgrade
from daemon.store.run_rows import run_values
from daemon.store.schema import HEAD
from daemon.store.sqlite import create_file
from daemon.store.tables import (
    AUDIT_EVENTS,
    CONTRACT_SERVERS,
    CONTRACTS,
    MANIFESTS,
    RENEWALS,
    RUNS,
    SERVERS,
    VERIFICATIONS,
)
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import (
    NOW,
    RUN,
    FakeClock,
    a_contract,
    a_manifest,
    a_run,
    a_server,
    a_verification,
    digest,
    unsigned_document,
)

FAILED = "20261124T060101Z-bbbbbb"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Everything in the old database."""

    server: Server
    contract: Contract
    renewal: Renewal
    verified: Run
    failed: Run
    document: bytes
    verification: Verification
    events: tuple[AuditEvent, ...]


def holdings() -> Holdings:
    document = unsigned_document(a_manifest())
    sha256 = read_manifest(document).sha256
    verified = a_run(
        state=RunState.VERIFIED,
        finished_at=NOW + 9 * MINUTE,
        bytes=3000,
        new_bytes=1000,
        manifest_sha256=sha256,
        snapshot=digest("snapshot"),
    )
    failed = a_run(
        run=FAILED,
        state=RunState.FAILED,
        started_at=NOW + timedelta(days=1),
        finished_at=NOW + timedelta(days=1, minutes=1),
        epoch=2,
        owner="ops-2:1:aa",
        error=Failure(code="SshUnreachable", message="No answer.", hint="Look at it."),
    )
    contract, renewal = renew(
        a_contract(reference="i-1"), Expiry(text="2027-12-31"), evidence="#1", who="li", at=NOW
    )
    return Holdings(
        server=a_server(excludes=("*.tmp",), verify_depth=Depth.HASHED, sudo=True),
        contract=contract,
        renewal=renewal,
        verified=verified,
        failed=failed,
        document=document,
        verification=a_verification(manifest_sha256=sha256),
        events=_events(),
    )


def _events() -> tuple[AuditEvent, ...]:
    head, events = NO_EVENTS, []
    for kind, minutes in (("run.claimed", 0), ("run.verifying", 5), ("run.verified", 9)):
        event = chain(
            head, at=NOW + minutes * MINUTE, actor="li", kind=kind, subject=RUN, payload={}
        )
        events.append(event)
        head = head_of(event)
    return tuple(events)


def fill(connection: Connection, held: Holdings) -> None:
    """Write the rows that the first release wrote."""
    signed = read_manifest(held.document)
    manifest = {
        "run": RUN,
        "server": "web-1",
        "repository": digest("repository"),
        "sequence": 1,
        "sha256": signed.sha256,
        "document": held.document,
    }
    evidence = held.verification
    verification = {
        "run": RUN,
        "manifest_sha256": evidence.manifest_sha256,
        "depth": evidence.depth.value,
        "outcome": evidence.outcome.value,
        "checked_at": evidence.checked_at,
        "problems": (),
    }
    server = {
        name: getattr(held.server, name) for name in Server.__slots__ if name != "verify_depth"
    }
    rows = [
        (SERVERS, {**server, "verify_depth": "hashed"}),
        (CONTRACTS, contract_values(held.contract)),
        *((CONTRACT_SERVERS, link) for link in link_values(held.contract)),
        (RENEWALS, renewal_values(held.renewal)),
        (RUNS, run_values(held.verified)),
        (RUNS, run_values(held.failed)),
        (MANIFESTS, manifest),
        (VERIFICATIONS, verification),
        *((AUDIT_EVENTS, _columns(event)) for event in held.events),
    ]
    for table, values in rows:
        known = {column["name"] for column in inspect(connection).get_columns(table.name)}
        old = {name: value for name, value in values.items() if name in known}
        connection.execute(insert(table), old)


def _columns(event: AuditEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in AuditEvent.__slots__}


@pytest.fixture
def old_engine(empty_database_url: str) -> Iterator[Engine]:
    """A database that the first release made."""
    if empty_database_url.startswith("sqlite"):
        create_file(Path(empty_database_url.removeprefix("sqlite:///")))
    engine = open_engine(empty_database_url)
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    yield engine
    engine.dispose()


def test_everything_that_the_first_release_wrote_is_kept(empty_database_url, old_engine):
    held = holdings()
    with old_engine.begin() as connection:
        fill(connection, held)

    assert upgrade(empty_database_url) == Upgrade(before="0001", after=HEAD)

    with UnitOfWork(old_engine, clock=FakeClock(), actor="li", read_only=True) as unit:
        assert unit.servers.list() == (held.server,)
        assert unit.contracts.list() == (held.contract,)
        assert unit.contracts.renewals("web-2026") == (held.renewal,)
        # The audit trail knew all along when the proof of a run began.
        verified = replace(held.verified, verifying_at=NOW + 5 * MINUTE)
        assert unit.runs.list() == (held.failed, verified)
        assert unit.manifests.document(RUN) == held.document
        assert unit.verifications.of(RUN) == (held.verification,)
        assert tuple(unit.audit.events()) == held.events
        assert verify_chain(held.events) == ()


def test_standings_are_drawn_from_the_history_that_is_there(empty_database_url, old_engine):
    held = holdings()
    with old_engine.begin() as connection:
        fill(connection, held)

    upgrade(empty_database_url)

    with UnitOfWork(old_engine, clock=FakeClock(), actor="li", read_only=True) as unit:
        standing = unit.planning.standings()["web-1"]
    assert standing.copy == VerifiedCopy(run=RUN, at=NOW, depth=Depth.STORED, store="main")
    assert (standing.attempt.run, standing.attempt.failures) == (FAILED, 1)
    assert standing.attempt.error == held.failed.error
    (sample,) = standing.samples
    assert (sample.seconds, sample.verify_seconds, sample.bytes) == (540.0, 240.0, 3000)
    assert standing.host == "ops-2"


def test_an_upgraded_database_is_worked_with_at_once(empty_database_url, old_engine):
    held = holdings()
    with old_engine.begin() as connection:
        fill(connection, held)
    upgrade(empty_database_url)

    with UnitOfWork(old_engine, clock=FakeClock(), actor="li") as unit:
        unit.contracts.add(a_contract(name="domain", servers=(), subject="example.com"))
        unit.servers.update(replace(held.server, labels=("prod",), value=5))
        claimed = unit.runs.claim(
            run="20261125T060101Z-cccccc",
            server="web-1",
            kind=held.verified.kind,
            store="main",
            owner="ops-1:1:aa",
            lease=MINUTE,
        )
        unit.commit()
    assert claimed.epoch == 3
    with UnitOfWork(old_engine, clock=FakeClock(), actor="li", read_only=True) as unit:
        assert verify_chain(unit.audit.events()) == ()


def test_an_empty_old_database_is_upgraded_too(empty_database_url, old_engine):
    assert upgrade(empty_database_url).before == "0001"
    with UnitOfWork(old_engine, clock=FakeClock(), actor="li", read_only=True) as unit:
        assert unit.planning.standings() == {}
