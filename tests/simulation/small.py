"""Worlds that are laid out by hand, for stories of their own; a test says what matters in one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.domain.contract import Contract, Expiry
from daemon.domain.plan import Limits
from tests.simulation.scenario import AddContract, Host, Machine, Scenario, Store, Stretch

BEGIN = datetime(2027, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MIB = 1024.0**2
#: Whole copies of a machine of so many bytes take an hour, but for overhead and verification.
HOURFUL = 3600 * 10 * MIB


def a_machine(name: str, hours: float, stops: timedelta) -> Machine:
    """A server whose first copy takes so many hours, and that stops so long after the beginning."""
    return Machine(
        name=name,
        born_at=BEGIN,
        gone_at=BEGIN + stops + 5 * DAY,
        size=hours * HOURFUL,
        growth=0.0,
        churn=hours * HOURFUL / 100,
        rate=10 * MIB,
        overhead=10.0,
        verify_rate=1000 * MIB,
        noise=0.0,
        reachable=(Stretch(begin=BEGIN, end=BEGIN + stops),),
        tells_size=True,
    )


def a_paper(name: str, stops: timedelta, entered: timedelta) -> AddContract:
    """Its contract, which somebody enters so long after the beginning."""
    contract = Contract(
        name=f"{name}-paper",
        provider="somebody",
        servers=(name,),
        expiry=Expiry(text=f"{BEGIN + stops:%Y-%m-%dT%H:%M:%S}", timezone="UTC"),
        created_at=BEGIN + entered,
    )
    return AddContract(at=BEGIN + entered, contract=contract)


def a_world(
    *servers: tuple[str, float, timedelta],
    entered: Sequence[timedelta] = (),
    hosts: tuple[Host, ...] = (Host(name="ops-1"),),
    slots: int = 1,
) -> Scenario:
    """Servers by name, hours of a whole copy and stop; contracts are entered at the beginning.

    Args:
        servers: All of them.
        entered: When the contracts of the first of them are entered, where that is later.
        hosts: Those that run the daemon.
        slots: Of each host.
    """
    late = [*entered, *[timedelta()] * (len(servers) - len(entered))]
    papers = [a_paper(name, stops, at) for (name, _, stops), at in zip(servers, late, strict=True)]
    machines = tuple(a_machine(*server) for server in servers)
    return Scenario(
        seed="by-hand",
        begin=BEGIN,
        end=max(machine.gone_at for machine in machines),
        machines=tuple(replace(machine, gone_at=machine.gone_at + DAY) for machine in machines),
        acts=tuple(sorted(papers, key=lambda act: act.at)),
        hosts=hosts,
        stores=(Store(name="main"),),
        limits=Limits(slots=slots),
    )
