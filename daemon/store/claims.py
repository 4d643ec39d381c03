"""Who may begin a run of a server: one at a time, and nobody waits for another."""

from collections.abc import Sequence

from sqlalchemy import select, text

from daemon.store.tables import CLAIMS
from daemon.store.transaction import Transaction


def make_claimable(transaction: Transaction, servers: Sequence[str]) -> None:
    """See that there is a row for each server that a claim can lock."""
    insertion = text("INSERT INTO claims (server) VALUES (:server) ON CONFLICT DO NOTHING")
    transaction.change_each(insertion, *({"server": server} for server in servers))


def lock_claim(transaction: Transaction, server: str) -> bool:
    """Keep others from beginning a run of a server until the transaction ends.

    Returns:
        False where somebody else does so at this moment: they are not waited for.
    """
    known = select(CLAIMS.c.server).where(CLAIMS.c.server == server)
    free = known.with_for_update(skip_locked=True)  # SQLite leaves it out: it has one writer
    if transaction.fetch_one(free) is not None:
        return True
    if transaction.fetch_one(known) is not None:
        return False
    make_claimable(transaction, (server,))
    return transaction.fetch_one(free) is not None
