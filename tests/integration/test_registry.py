"""The registry and the overview on real databases of both kinds."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon.domain.contract import Expiry
from daemon.domain.plan import Assumptions, Limits
from daemon.errors import AlreadyExists, InUse, InvalidValue, NotFound
from daemon.services.contract_facts import NewContract
from daemon.services.lookout import Lookout
from daemon.services.overview import Overview
from daemon.services.planning import Planning
from daemon.services.registry import Registry
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import FakeClock, a_server


@pytest.fixture
def registry(open_unit: Callable[..., UnitOfWork]) -> Registry:
    return Registry(units=open_unit, clock=FakeClock(), actor="li@ops")


@pytest.fixture
def overview(open_unit: Callable[..., UnitOfWork]) -> Overview:
    return Overview(units=open_unit, clock=FakeClock())


def new_contract(name: str = "c-1", expires: str = "2026-12-31") -> NewContract:
    return NewContract(
        name=name, provider="aliyun", servers=("web-1",), expiry=Expiry(text=expires)
    )


def test_what_is_registered_is_found_again(registry: Registry) -> None:
    registry.add_server(a_server())
    contract = registry.add_contract(new_contract())
    assert registry.servers() == (registry.server("web-1"),)
    assert registry.contract("c-1") == contract
    with pytest.raises(AlreadyExists):
        registry.add_server(a_server())


def test_a_refused_change_changes_nothing(registry: Registry) -> None:
    registry.add_server(a_server())
    with pytest.raises(InvalidValue):
        registry.change_server("web-1", lambda server: replace(server, paths=("relative",)))
    assert registry.server("web-1") == a_server()


def test_a_change_never_renames(registry: Registry) -> None:
    registry.add_server(a_server())
    registry.change_server("web-1", lambda server: replace(server, name="other", port=2222))
    assert [server.name for server in registry.servers()] == ["web-1"]
    assert registry.server("web-1").port == 2222


def test_a_server_goes_once_no_contract_needs_it(registry: Registry) -> None:
    registry.add_server(a_server())
    registry.add_contract(new_contract())
    with pytest.raises(InUse):
        registry.remove_server("web-1")
    registry.close_contract("c-1", reason="migrated")
    registry.remove_server("web-1")
    assert registry.servers() == ()


def test_a_renewal_records_who_and_why(
    registry: Registry, open_unit: Callable[..., UnitOfWork]
) -> None:
    registry.add_server(a_server())
    registry.add_contract(new_contract())
    registry.renew_contract("c-1", Expiry(text="2027-12-31"), evidence="order 4711")
    with open_unit(read_only=True) as unit:
        (renewal,) = unit.contracts.renewals("c-1")
    assert (renewal.who, renewal.evidence) == ("li@ops", "order 4711")
    assert registry.contract("c-1").expiry.text == "2027-12-31"


def test_contracts_are_listed_as_they_end(registry: Registry) -> None:
    registry.add_server(a_server())
    registry.add_contract(new_contract("a", "2027-12-31"))
    registry.add_contract(new_contract("b", "2026-12-31"))
    assert [facts.contract.name for facts in registry.contracts()] == ["b", "a"]


def test_history_tells_a_server_without_runs_from_one_nobody_knows(
    registry: Registry, overview: Overview
) -> None:
    registry.add_server(a_server())
    assert overview.history(server="web-1") == ()
    with pytest.raises(NotFound, match="web-2"):
        overview.history(server="web-2")


def test_status_has_every_server(registry: Registry, open_unit: Callable[..., UnitOfWork]) -> None:
    registry.add_server(a_server())
    registry.add_server(a_server(name="web-2"))
    registry.add_contract(new_contract())
    planning = Planning(
        units=open_unit,
        clock=FakeClock(),
        policies=(),
        limits=Limits(),
        assumptions=Assumptions(),
        default_store="main",
    )
    lookout = Lookout(units=open_unit, clock=FakeClock(), planning=planning)
    assert [status.server for status in lookout.view().statuses()] == ["web-1", "web-2"]
    (only,) = lookout.view(("web-2",)).statuses(("web-2",))
    assert only.server == "web-2"
    with pytest.raises(NotFound):
        lookout.view(("web-3",))
