"""Key files and passwords."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ObjectMissing, RepositoryDamaged, RepositoryError, WrongPassword
from backends.objectstore.memory import MemoryStore
from backends.repository.crypto import MasterKey
from backends.repository.keys import (
    KEYS,
    create_key,
    find_key,
    list_keys,
    load_key,
    open_master_key,
    remove_key,
)
from backends.repository.scrypt import DEFAULT_COST, ScryptCost
from tests.parts.repository import CHEAP, PASSWORD

MASTER = MasterKey.generate()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def plant(store: MemoryStore, content: bytes) -> str:
    key_id = hashlib.sha256(content).hexdigest()
    store.put(KEYS + key_id, content)
    return key_id


def altered(store: MemoryStore, **changes: object) -> bytes:
    """The content of the store's only key file, with some fields replaced."""
    (info,) = store.list(KEYS)
    return json.dumps(json.loads(store.get(info.key)) | changes).encode()


def test_a_password_opens_the_master_key(store):
    key_id = create_key(store, MASTER, PASSWORD, cost=CHEAP)

    assert open_master_key(store, PASSWORD) == MASTER
    assert find_key(store, PASSWORD).id == key_id


def test_each_of_several_passwords_opens_it(store):
    ids = {create_key(store, MASTER, word, cost=CHEAP) for word in ("one", "two", "drei€")}

    assert {find_key(store, word).id for word in ("one", "two", "drei€")} == ids
    assert all(open_master_key(store, word) == MASTER for word in ("one", "two", "drei€"))


def test_a_wrong_password_is_told_as_such(store):
    create_key(store, MASTER, PASSWORD, cost=CHEAP)

    with pytest.raises(WrongPassword):
        open_master_key(store, PASSWORD + " ")


def test_an_empty_password_is_refused(store):
    with pytest.raises(WrongPassword):
        create_key(store, MASTER, "", cost=CHEAP)


def test_a_key_file_says_who_made_it(store):
    create_key(store, MASTER, PASSWORD, username="ops", hostname="ark", cost=CHEAP)

    (key,) = list_keys(store)

    assert (key.username, key.hostname, key.cost) == ("ops", "ark", CHEAP)


def test_a_removed_password_opens_nothing(store):
    kept = create_key(store, MASTER, "kept", cost=CHEAP)
    gone = create_key(store, MASTER, "gone", cost=CHEAP)

    remove_key(store, gone, in_use=kept)

    assert open_master_key(store, "kept") == MASTER
    with pytest.raises(WrongPassword):
        open_master_key(store, "gone")


def test_the_key_in_use_is_not_removed(store):
    only = create_key(store, MASTER, PASSWORD, cost=CHEAP)

    with pytest.raises(RepositoryError):
        remove_key(store, only, in_use=only)
    assert open_master_key(store, PASSWORD) == MASTER


def test_removing_a_key_that_is_not_there_is_told(store):
    with pytest.raises(ObjectMissing):
        remove_key(store, "ab" * 32, in_use="cd" * 32)


@pytest.mark.parametrize(
    "changes",
    [
        {"N": 1 << 40},
        {"N": 1 << 20, "r": 1 << 20},
        {"p": 1 << 30},
        {"N": 1000},
        {"N": -2},
        {"r": 0},
        {"N": "many"},
        {"kdf": "argon2"},
        {"salt": base64.b64encode(b"short").decode()},
        {"salt": "*"},
        {"data": None},
        {"created": "yesterday"},
    ],
)
def test_a_hostile_key_file_costs_nothing_and_locks_nobody_out(store, changes):
    create_key(store, MASTER, PASSWORD, cost=CHEAP)
    planted = plant(store, altered(store, **changes))

    assert open_master_key(store, PASSWORD) == MASTER
    with pytest.raises((RepositoryDamaged, WrongPassword)):
        open_master_key_of(store, planted)


def open_master_key_of(store: MemoryStore, key_id: str) -> MasterKey:
    alone = MemoryStore()
    alone.put(KEYS + key_id, store.get(KEYS + key_id))
    return open_master_key(alone, PASSWORD)


def test_a_key_file_that_is_not_what_its_name_says_is_passed_over(store):
    key_id = create_key(store, MASTER, PASSWORD, cost=CHEAP)
    content = altered(store, username="mallory")
    store.put(KEYS + key_id, content)

    with pytest.raises(RepositoryDamaged):
        load_key(store, key_id)
    with pytest.raises(WrongPassword, match="1 key files are damaged"):
        open_master_key(store, PASSWORD)


def test_an_altered_lock_on_the_master_key_is_noticed(store):
    create_key(store, MASTER, PASSWORD, cost=CHEAP)
    (key,) = list_keys(store)
    data = bytearray(key.data)
    data[20] ^= 1
    planted = plant(store, altered(store, data=base64.b64encode(data).decode()))

    with pytest.raises(WrongPassword):
        open_master_key_of(store, planted)


@given(st.binary(max_size=300))
def test_no_junk_ends_in_another_error(content):
    store = MemoryStore()
    key_id = plant(store, content)

    with pytest.raises(RepositoryDamaged):
        load_key(store, key_id)


def test_the_ordinary_cost_is_as_dear_as_restic_s():
    assert DEFAULT_COST.n == 32768
    assert DEFAULT_COST.memory > 32 << 20


def test_the_dearest_honest_cost_is_accepted():
    ScryptCost(n=65536, r=8, p=16)
