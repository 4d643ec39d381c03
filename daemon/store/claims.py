"""Who may begin a run of a server: one at a time, and nobody waits for another."""

from collections.abc import Sequence

from sqlalchemy import text

from daemon.store.transaction import Transaction


def make_claimable(transaction: Transaction, servers: Sequence[str]) -> None:
    """See that there is a row for each server that a claim can lock."""
    insertion = text("INSERT INTO claims (server) VALUES (:server) ON CONFLICT DO NOTHING")
    transaction.change_each(insertion, *({"server": server} for server in servers))
