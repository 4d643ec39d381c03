"""What a plan is made from is read whole, narrow, and as of one instant."""

from datetime import timedelta

from daemon.domain.contract import ContractState, close
from daemon.domain.phase import Course, Phase
from daemon.domain.planned import PlannedContract, PlannedServer
from daemon.domain.run import Failure, RunState, advance
from daemon.domain.verification import Depth
from tests.factories import NOW, a_contract, a_server
from tests.histories import claim

COURSE = Course(phases=(Phase(name="released", start=timedelta(days=7), data=False),))


def test_of_a_server_only_what_a_plan_needs_is_read(open_unit):
    server = a_server(
        store="cold",
        labels=("prod", "eu"),
        value=9,
        priority=("/srv/www/db",),
        bandwidth=4096,
        verify_depth=Depth.HASHED,
        fate_accepted=True,
    )
    with open_unit() as unit:
        unit.servers.add_all([server, a_server(name="db-1")])
        plain, full = unit.planning.servers()
    assert full == PlannedServer(
        name="web-1",
        store="cold",
        labels=("prod", "eu"),
        value=9,
        priority=("/srv/www/db",),
        bandwidth=4096,
        depth=Depth.HASHED,
        fate_accepted=True,
    )
    assert (plain.name, plain.store, plain.labels, plain.depth) == ("db-1", None, (), None)


def test_of_an_active_contract_all_that_says_when_its_servers_stop_is_read(open_unit):
    contract = a_contract(
        account="4711",
        servers=("web-2", "web-1"),
        stores=("main",),
        preset="aliyun-ecs",
        course=COURSE,
        labels=("prod",),
    )
    with open_unit() as unit:
        unit.servers.add_all([a_server(), a_server(name="web-2")])
        unit.contracts.add(contract)
        (planned,) = unit.planning.contracts()
    assert planned == PlannedContract(
        name="web-2026",
        provider="aliyun",
        account="4711",
        servers=("web-2", "web-1"),
        stores=("main",),
        expiry=contract.expiry,
        preset="aliyun-ecs",
        course=COURSE,
        labels=("prod",),
        state=ContractState.ACTIVE,
        closed_reason=None,
        closed_at=None,
    )


def test_a_closed_contract_is_read_only_while_a_server_knows_no_other(open_unit):
    old = a_contract(name="old", servers=("web-1", "web-2"))
    closed = close(old, reason="migrated", who="li", at=NOW)
    with open_unit() as unit:
        unit.servers.add_all([a_server(), a_server(name="web-2")])
        unit.contracts.add(old)
        unit.contracts.record_closing(closed)
        (planned,) = unit.planning.contracts()
        assert (planned.state, planned.closed_reason) == (ContractState.CLOSED, "migrated")
        assert (planned.closed_at, planned.servers) == (NOW, ("web-1", "web-2"))
        unit.contracts.add(a_contract(name="new-1"))
        assert [each.name for each in unit.planning.contracts()] == ["new-1", "old"]
        unit.contracts.add(a_contract(name="new-2", servers=("web-2",)))
        assert [each.name for each in unit.planning.contracts()] == ["new-1", "new-2"]


def test_a_closed_contract_of_servers_long_forgotten_is_not_read(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.contracts.add(a_contract())
        closed = close(a_contract(), reason="gone", who="li", at=NOW)
        unit.contracts.record_closing(closed)
        unit.servers.remove("web-1")
        assert unit.planning.contracts() == []


def test_why_the_newest_attempt_failed_is_read(open_unit):
    error = Failure(code="SshUnreachable", message="No answer.", hint="Look at it.")
    with open_unit() as unit:
        run = claim(unit, owner="ops:7:1:aa")
        unit.runs.save(advance(run, RunState.FAILED, NOW, error=error))
        standing = unit.planning.standings()["web-1"]
    assert (standing.attempt.error, standing.attempt.failures) == (error, 1)
    assert (standing.copy, standing.host) == (None, "ops:7")


def test_a_reader_sees_everything_as_of_one_instant(open_unit):
    with open_unit() as unit:
        unit.servers.add(a_server())
        unit.commit()
    with open_unit(read_only=True) as unit:
        planning = unit.planning
        assert [each.name for each in planning.servers()] == ["web-1"]
        assert (planning.contracts(), planning.standings(), planning.acknowledgements()) == (
            [],
            {},
            {},
        )
