"""What a store says of packs, and what is wrong with it."""

import hashlib
import threading

import pytest

from backends.errors import StoreUnreachable
from backends.objectstore.memory import MemoryStore
from backends.repository.pack import pack_key
from backends.types import ObjectInfo
from daemon.services.packs import PackStanding, look_up_packs

CONTENT = b"sealed"
PACK = hashlib.sha256(CONTENT).digest()
NAME = f"The pack {PACK.hex()[:16]}…"


def standing(**changes: object) -> PackStanding:
    given = {"key": pack_key(PACK), "size": 6, "sha256": PACK} | changes
    return PackStanding(pack=PACK, info=ObjectInfo(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (standing(), None),
        (standing(sha256=None), None),
        (PackStanding(pack=PACK, info=None), f"{NAME} is not in the store."),
        (standing(size=5), f"{NAME} has 5 bytes and should have 6."),
        (standing(sha256=bytes(32)), f"{NAME} has another checksum, by the store's own word."),
    ],
    ids=["sound", "nothing attested", "missing", "short", "other bytes"],
)
def test_a_problem_is_one_sentence(found: PackStanding, problem: str | None) -> None:
    assert found.problem(6) == problem


def test_a_size_that_nobody_knows_is_not_held_against_it() -> None:
    assert standing(size=5).problem(None) is None


def test_only_the_right_checksum_is_an_attestation() -> None:
    assert standing().attested
    assert not standing(sha256=None).attested
    assert not standing(sha256=bytes(32)).attested
    assert not PackStanding(pack=PACK, info=None).attested
    assert standing(sha256=bytes(32)).is_other
    assert not standing(sha256=None).is_other


def test_packs_are_looked_up_in_order_and_counted() -> None:
    store, counted = MemoryStore(), threading.Semaphore(0)
    store.put(pack_key(PACK), CONTENT)
    packs = [bytes([number]) * 32 for number in range(20)] + [PACK]
    found = look_up_packs(store, packs, counted.release)
    assert [each.pack for each in found] == packs
    assert [each.pack for each in found if each.info] == [PACK]
    assert sum(counted.acquire(blocking=False) for _ in range(30)) == 21


def test_no_answer_is_not_an_absence() -> None:
    class Silent(MemoryStore):
        def stat(self, key: str) -> ObjectInfo:
            raise StoreUnreachable(key)

    with pytest.raises(StoreUnreachable):
        look_up_packs(Silent(), [PACK])
