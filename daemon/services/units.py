"""How services get at the database: a new unit of work for each transaction."""

from typing import Protocol

from daemon.store.unit_of_work import UnitOfWork


class Units(Protocol):
    """Makes units of work; `daemon.bootstrap` has the one that counts."""

    def __call__(self, *, read_only: bool = False, at_once: bool = False) -> UnitOfWork:
        """A unit that is entered by `with`; see `UnitOfWork`. A reading one waits for nobody."""
