"""However the passwords of a repository are removed, one stays that opens it."""

import pytest

from backends.errors import RepositoryError
from backends.repository.keys import KEYS, create_key
from backends.repository.repository import Repository
from daemon.errors import NotFound, UsageError
from daemon.services.repository_keys import find_key_file, list_key_files, remove_password
from tests.parts.repository import CHEAP, PASSWORD


def add(repository: Repository) -> str:
    return create_key(repository.store, repository.master, "another", cost=CHEAP)


def test_two_who_remove_each_other_s_key_do_not_lock_everybody_out(
    repository: Repository,
) -> None:
    """Whoever comes second finds the own key gone, and removes nothing more."""
    second = add(repository)
    theirs = Repository.open(repository.store, "another")
    remove_password(theirs, repository.key_id)
    with pytest.raises(RepositoryError, match="removed meanwhile"):
        remove_password(repository, second)
    assert Repository.open(repository.store, "another").id == repository.id


def test_the_only_key_and_the_one_in_use_are_refused(repository: Repository) -> None:
    own = repository.key_id
    with pytest.raises(RepositoryError, match="only key"):
        find_key_file(repository, own[:8])
    other = add(repository)
    with pytest.raises(RepositoryError, match="password given"):
        find_key_file(repository, own)
    assert find_key_file(repository, other) == other


def test_a_beginning_must_fit_exactly_one_key(repository: Repository) -> None:
    for name in ("aa1", "aa2"):
        repository.store.put(f"{KEYS}{name}", b"{}")
    with pytest.raises(UsageError, match="2 keys begin with 'aa'"):
        find_key_file(repository, "aa")
    for wanted in ("", "zz"):
        with pytest.raises(NotFound):
            find_key_file(repository, wanted)


def test_a_key_file_that_cannot_be_read_is_listed_all_the_same(repository: Repository) -> None:
    repository.store.put(f"{KEYS}{'0' * 64}", b"junk")
    damaged, sound = sorted(list_key_files(repository), key=lambda key: key.file is not None)
    assert (damaged.id, damaged.file, damaged.current) == ("0" * 64, None, False)
    assert sound.current
    assert Repository.open(repository.store, PASSWORD).key_id == sound.id
