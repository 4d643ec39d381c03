"""What people do, carried out with the product's own transitions."""

from typing import TYPE_CHECKING

from daemon.domain.acknowledgement import Acknowledgement, Decision
from daemon.domain.contract import ContractState, close, renew
from tests.simulation import zones
from tests.simulation.scenario import (
    Acknowledge,
    Act,
    AddContract,
    CloseContract,
    MoveDate,
    RecordRenewal,
    SwapZones,
)

if TYPE_CHECKING:
    from tests.simulation.world import World


def carry_out(act: Act, world: "World") -> None:
    """Let a person do something at a terminal of the first host."""
    if isinstance(act, SwapZones):
        _swap(world)
        return
    contract = act.contract if isinstance(act, AddContract) else world.ledger.contract(act.contract)
    at = world.stamp()
    if isinstance(act, Acknowledge):
        world.ledger.acknowledge(
            Acknowledgement(
                contract=contract.name,
                decision=act.decision,
                until=at if act.decision is Decision.SNOOZE else None,
                reason="said",
                who="li",
                at=at,
                expiry=contract.expiry,
            )
        )
    elif contract.state is ContractState.ACTIVE:
        if isinstance(act, RecordRenewal | MoveDate):
            until = act.until if isinstance(act, RecordRenewal) else act.expiry
            contract, _ = renew(contract, until, evidence="order", who="li", at=at, force=True)
        elif isinstance(act, CloseContract):
            contract = close(contract, reason=act.reason, who="li", at=at)
        world.ledger.put_contract(contract, at)
        world.record.acted(contract, world.now)
    world.expect_stop(contract.servers)
    world.changed()


def _swap(world: "World") -> None:
    zones.change_rules()
    world.ledger.forget_zones()
    for name in sorted(world.ledger.servers()):
        world.expect_stop((name,))
    world.changed()
