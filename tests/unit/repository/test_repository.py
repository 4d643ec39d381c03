"""Creating and opening repositories."""

import pytest

from backends.errors import (
    RepositoryDamaged,
    RepositoryExists,
    RepositoryMissing,
    StoreUnreachable,
    WrongPassword,
)
from backends.objectstore.memory import MemoryStore
from backends.repository.config import CONFIG_KEY
from backends.repository.keys import list_keys
from backends.repository.repository import Repository
from tests.parts.repository import CHEAP, PASSWORD, make_repository


class Breaking(MemoryStore):
    """A store that goes away before the config is stored."""

    broken = True

    def put(self, key, data):
        if key == CONFIG_KEY and self.broken:
            raise StoreUnreachable("gone")
        return super().put(key, data)


def test_a_new_repository_opens_with_its_password(repository):
    again = Repository.open(repository.store, PASSWORD)

    assert again == repository
    assert again.config.version == 2
    assert len(again.load_index()) == 0


def test_a_repository_does_not_show_its_key_in_logs(repository):
    assert "master" not in repr(repository)


def test_where_nothing_is_nothing_opens():
    with pytest.raises(RepositoryMissing):
        Repository.open(MemoryStore(), PASSWORD)


def test_another_password_does_not_open_it(repository):
    with pytest.raises(WrongPassword):
        Repository.open(repository.store, "something else")


def test_a_repository_is_not_created_over_another(repository):
    with pytest.raises(RepositoryExists):
        Repository.create(repository.store, PASSWORD, cost=CHEAP)


def test_a_creation_that_broke_off_is_completed():
    store = Breaking()
    with pytest.raises(StoreUnreachable):
        make_repository(store)
    store.broken = False

    made = make_repository(store)

    assert Repository.open(store, PASSWORD) == made
    assert len(list_keys(store)) == 1


def test_key_files_of_somebody_else_are_not_built_upon(repository):
    repository.store.delete(CONFIG_KEY)

    with pytest.raises(RepositoryDamaged):
        Repository.create(repository.store, "something else", cost=CHEAP)


def test_an_altered_config_is_refused(repository):
    sealed = bytearray(repository.store.get(CONFIG_KEY))
    sealed[-1] ^= 1
    repository.store.put(CONFIG_KEY, bytes(sealed))

    with pytest.raises(RepositoryDamaged):
        Repository.open(repository.store, PASSWORD)
