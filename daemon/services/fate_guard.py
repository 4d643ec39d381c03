"""Refuses stores that would perish with the server, unless a person says that it is meant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from daemon.domain.contract import Contract, ContractState
from daemon.domain.fate import StoreFate, shared_fate
from daemon.domain.life import life_of
from daemon.domain.outlook import Life
from daemon.domain.server import Server
from daemon.errors import SameFate
from daemon.presets.catalogue import Catalogue, load_catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """A server and the contracts that bear on it, at one moment.

    Attributes:
        server: The server.
        contracts: Any; those that are closed, or name neither it nor its store, do not count.
    """

    server: Server
    contracts: tuple[Contract, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FateGuard:
    """Knows whose the stores are.

    Attributes:
        fates: Stores by their names in the settings.
        default_store: Where servers are saved to that name no store; None where nobody says.
        catalogue: What follows the expiry of contracts.
    """

    fates: Mapping[str, StoreFate] = field(default_factory=dict)
    default_store: str | None = None
    catalogue: Catalogue = field(default_factory=load_catalogue)

    def store_of(self, server: Server) -> str | None:
        """Name of the store that a server is saved to."""
        return server.store or self.default_store

    def reasons(self, around: Surroundings) -> tuple[str, ...]:
        """Why the server's store would perish with it; see `shared_fate`."""
        name = self.store_of(around.server)
        if name is None:
            return ()
        active = [each for each in around.contracts if each.state is ContractState.ACTIVE]
        return shared_fate(
            self.fates.get(name, StoreFate(name=name)),
            self._lives(each for each in active if around.server.name in each.servers),
            self._lives(each for each in active if name in each.stores),
        )

    def settle(self, before: Surroundings, after: Surroundings, *, accept: bool) -> Server:
        """The server as it is to be recorded after a change.

        What was so before the change is not refused now: `status` shows it.

        Args:
            before: As it is recorded.
            after: As it would be.
            accept: A person says that a shared fate is known and meant.

        Raises:
            SameFate: the change would make the store perish with the server, and nobody said
                that this is meant.
        """
        server = replace(after.server, fate_accepted=after.server.fate_accepted or accept)
        known = self.reasons(before)
        found = [reason for reason in self.reasons(after) if reason not in known]
        if found and not server.fate_accepted:
            raise SameFate(
                f"The store {self.store_of(server)} would perish together with the server "
                f"{server.name}. {' '.join(found)}"
            )
        return server

    def _lives(self, contracts: Iterable[Contract]) -> tuple[Life, ...]:
        find = self.catalogue.find
        return tuple(life_of(contract, find(contract.preset)) for contract in contracts)
