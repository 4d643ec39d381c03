"""Databases take only so many values in one statement."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Column, select

from daemon.store.transaction import Transaction

_AT_ONCE: Final = 1000


def in_pieces(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The names in their order, as many at a time as any database takes."""
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))


def find_names(
    transaction: Transaction, column: Column[str], names: Sequence[str]
) -> frozenset[str]:
    """Which of the names the column of some table holds."""
    queries = (select(column).where(column.in_(piece)) for piece in in_pieces(names))
    return frozenset(row[0] for query in queries for row in transaction.fetch(query))
