"""When a run of a server has to be over."""

from datetime import datetime

from daemon.domain.contract import ContractState
from daemon.domain.life import timeline_of
from daemon.domain.policy import choose_policy
from daemon.services.planning import Planning


def deadline_of(planning: Planning, server: str) -> datetime | None:
    """The first stop of an active contract that keeps the server, less the margin.

    None where there is none, or where it has passed: a run is then a rescue, and any time is right.

    Raises:
        NotFound: there is no such server.
    """
    with planning.units(read_only=True) as unit:
        labels = unit.servers.get(server).labels
        contracts = unit.contracts.of_server(server)
    active = [each for each in contracts if each.state is ContractState.ACTIVE]
    find = planning.catalogue.find
    stops = [timeline_of(each, find(each.preset))[0].stop_at for each in active]
    if not stops:
        return None
    carried = {*labels, *(label for each in active for label in each.labels)}
    margin = choose_policy(planning.policies, carried).margin
    stop_at = min(stops)
    return stop_at - margin if planning.clock.now() < stop_at else None
