"""A key that is derived ahead opens what it would open anyway, and nothing else."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from backends.errors import LocalPathUnusable, WrongPassword
from backends.objectstore.memory import MemoryStore
from backends.repository.crypto import MasterKey
from backends.repository.key_ahead import KeyAhead
from backends.repository.keys import create_key, find_key, list_keys, remove_key
from backends.repository.scrypt import ScryptCost, derive_bytes

CHEAP = ScryptCost(n=2, r=1, p=1)
MASTER = MasterKey.generate()


class Reader:
    """Reads a password, and counts how often."""

    def __init__(self, password: str = "secret") -> None:  # noqa: S107 - guards nothing
        self.password = password
        self.reads = 0

    def __call__(self) -> str:
        self.reads += 1
        return self.password


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    create_key(store, MASTER, "secret", cost=CHEAP)
    return store


def begun(place: Path, reader: Reader) -> KeyAhead:
    ahead = KeyAhead(place, reader)
    ahead.begin()
    return ahead


def open_ahead(store: MemoryStore, place: Path, reader: Reader) -> MasterKey:
    ahead = begun(place, reader)
    return find_key(store, ahead.password(), ahead).master


def test_what_opened_a_repository_is_derived_before_the_next_time(
    store: MemoryStore, tmp_path: Path
) -> None:
    place = tmp_path / "salt.json"
    (key,) = list_keys(store)
    first, later = Reader(), Reader()

    assert open_ahead(store, place, first) == MASTER
    assert begun(place, later).find(key.salt, CHEAP) == derive_bytes("secret", key.salt, CHEAP)
    assert open_ahead(store, place, later) == MASTER
    assert first.reads == 1


def test_what_was_derived_is_of_one_salt_at_one_price(store: MemoryStore, tmp_path: Path) -> None:
    open_ahead(store, tmp_path / "salt.json", Reader())
    (key,) = list_keys(store)
    ahead = begun(tmp_path / "salt.json", Reader())

    assert ahead.find(bytes(64), CHEAP) is None
    assert ahead.find(key.salt, ScryptCost(n=4, r=1, p=1)) is None


def test_a_password_that_was_taken_away_opens_nothing(store: MemoryStore, tmp_path: Path) -> None:
    place = tmp_path / "salt.json"
    open_ahead(store, place, Reader())
    (old,) = list_keys(store)
    new = create_key(store, MASTER, "new", cost=CHEAP)
    remove_key(store, old.id, in_use=new)

    with pytest.raises(WrongPassword):
        open_ahead(store, place, Reader())
    assert open_ahead(store, place, Reader("new")) == MASTER


def test_what_is_kept_is_private_and_no_secret(store: MemoryStore, tmp_path: Path) -> None:
    place = tmp_path / "salt.json"
    open_ahead(store, place, Reader())

    assert place.stat().st_mode & 0o777 == 0o600
    assert b"secret" not in place.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["salt.json"]


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"[]",
        b'{"salt": "%", "n": 2, "r": 1, "p": 1}',
        b'{"salt": "QUFB", "n": 2, "r": 1, "p": 1}',
        b'{"salt": "QUFB", "n": 1099511627776, "r": 8, "p": 1}',
    ],
)
def test_what_cannot_be_used_is_replaced(store: MemoryStore, tmp_path: Path, kept: bytes) -> None:
    place = tmp_path / "salt.json"
    place.write_bytes(kept)

    assert open_ahead(store, place, Reader()) == MASTER
    assert place.read_bytes() != kept


def test_a_salt_that_cannot_be_kept_keeps_nobody_out(store: MemoryStore, tmp_path: Path) -> None:
    assert open_ahead(store, tmp_path / "missing" / "salt.json", Reader()) == MASTER


def test_a_password_that_cannot_be_read_is_told_to_whoever_opens(
    store: MemoryStore, tmp_path: Path
) -> None:
    open_ahead(store, tmp_path / "salt.json", Reader())

    def fail() -> str:
        raise LocalPathUnusable("The password is gone")

    ahead = KeyAhead(tmp_path / "salt.json", fail)
    ahead.begin()
    (key,) = list_keys(store)

    assert ahead.find(key.salt, CHEAP) is None
    with pytest.raises(LocalPathUnusable):
        ahead.password()


def test_a_new_repository_needs_no_second_derivation(tmp_path: Path) -> None:
    place = tmp_path / "salt.json"
    store = MemoryStore()
    create_key(store, MASTER, "secret", cost=CHEAP, ahead=KeyAhead(place, Reader()))
    (key,) = list_keys(store)

    assert begun(place, Reader()).find(key.salt, CHEAP) == derive_bytes("secret", key.salt, CHEAP)


APART = """
    import sys, threading
    from pathlib import Path
    from backends.repository.key_ahead import KeyAhead
    from backends.repository.scrypt import ScryptCost, derive_bytes

    place, salt, cheap = Path(sys.argv[1]), b"s" * 64, ScryptCost(n=2, r=1, p=1)
    KeyAhead(place, str).keep(salt, cheap)
    reads = []
    ahead = KeyAhead(place, lambda: reads.append(1) or "secret")
    ahead.begin_apart()
    found = [ahead.find(salt, cheap) for _ in range(2)]
    ahead.end()
    print(found == [derive_bytes("secret", salt, cheap)] * 2, ahead.find(bytes(64), cheap))
    print(ahead.password(), len(reads), threading.active_count())

    unreadable = KeyAhead(place, lambda: 1 / 0)
    unreadable.begin_apart()
    print(unreadable.find(salt, cheap))
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="no second processor")
def test_another_process_derives_the_same_and_no_thread_is_begun(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", textwrap.dedent(APART), str(tmp_path / "salt.json")]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["True None", "secret 1 1", "None"]
