"""A small repository in memory, whose key costs nothing to derive."""

import pytest

from backends.objectstore.memory import MemoryStore
from backends.repository.repository import Repository
from backends.repository.scrypt import ScryptCost

PASSWORD = "correct horse"  # noqa: S105 - guards nothing
CHEAP = ScryptCost(n=2, r=1, p=1)


def make_repository(store: MemoryStore | None = None) -> Repository:
    """A new repository of version 2 in the given store, or in one of its own."""
    return Repository.create(store or MemoryStore(), PASSWORD, cost=CHEAP)


@pytest.fixture
def repository() -> Repository:
    """A new, empty repository in memory."""
    return make_repository()
