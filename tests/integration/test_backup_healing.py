"""Whatever a store loses or spoils, the next backup is whole again, for every reader."""

import hashlib
import os

import pytest

from backends.errors import RepositoryLocked, StoreRefused
from backends.objectstore.memory import MemoryStore
from backends.repository.lock import hold_lock
from backends.types import BlobKind
from daemon.domain.run import RunState
from daemon.domain.verification import Depth
from daemon.errors import VerificationFailed
from daemon.services.distrust import DISTRUSTED_PREFIX, list_distrusted, note_distrusted
from tests.parts.desk import MIB, Desk
from tests.parts.folder_pull import put

HASHED = Depth.HASHED


def is_whole(desk: Desk) -> None:
    """The newest run is proven and matches, and the index leads every reader to sound data."""
    assert desk.runs()[0].state is RunState.VERIFIED
    assert desk.matches_source() is True
    assert desk.is_sound()


def cut(desk: Desk, key: str) -> None:
    content = desk.store.get(key)
    MemoryStore.put(desk.store, key, content[: len(content) // 2])


def remove(desk: Desk, key: str) -> None:
    MemoryStore.delete(desk.store, key)


@pytest.mark.parametrize("harm", [remove, cut])
@pytest.mark.parametrize("which", [0, -1], ids=["a pack of data", "a pack of folders"])
def test_what_a_listing_shows_is_stored_anew(desk: Desk, harm, which: int) -> None:
    desk.back_up()
    harm(desk, desk.packs()[which])
    desk.back_up()
    assert desk.watcher.warnings == [
        "1 packs of earlier runs are missing or damaged; storing their data again."
    ]
    is_whole(desk)
    desk.back_up()
    assert len(desk.watcher.warnings) == 1


@pytest.mark.parametrize("which", [0, -1], ids=["a pack of data", "a pack of folders"])
def test_what_only_reading_shows_is_found_by_the_proof_and_stored_anew(
    plain_desk: Desk, which: int
) -> None:
    desk = plain_desk
    desk.back_up()
    pack = desk.packs()[which]
    desk.spoil(pack)
    run = desk.back_up(depth=HASHED)
    assert desk.watcher.warnings[0].startswith(
        f"1 packs are missing or damaged; storing their data again. {pack}: "
    )
    assert (run.new_bytes or 0) > 0
    assert run.snapshot == desk.manifest(2).manifest.repository.snapshot
    is_whole(desk)
    assert pack in desk.packs()
    assert [pack.hex() for pack in list_distrusted(desk.store)] == [pack.split("/")[-1]]
    run = desk.back_up(depth=HASHED)
    assert (run.new_bytes, len(desk.watcher.warnings)) == (0, 2)


def test_what_a_verification_finds_damaged_is_not_relied_on_again(plain_desk: Desk) -> None:
    """The backup that follows stores it anew without having to find it once more."""
    desk = plain_desk
    desk.back_up()
    pack = desk.packs()[0]
    desk.spoil(pack)
    found = desk.verify(HASHED)
    assert found.problems[0].startswith(f"{pack}: ")
    assert [noted.hex() for noted in list_distrusted(desk.store)] == [pack.split("/")[-1]]
    run = desk.back_up()
    assert desk.watcher.warnings == [
        "1 packs of earlier runs are missing or damaged; storing their data again."
    ]
    assert (run.new_bytes or 0) >= MIB // 2
    is_whole(desk)


def test_what_a_store_admits_to_hold_otherwise_is_stored_anew(desk: Desk) -> None:
    """It attests another checksum, so nothing needs to be read."""
    desk.back_up()
    desk.spoil(desk.packs()[0])
    desk.back_up()
    assert "another checksum, by the store's own word" in desk.watcher.warnings[0]
    is_whole(desk)


def test_what_only_an_older_snapshot_needs_is_saved_from_a_damaged_pack(desk: Desk) -> None:
    """The server has it no more; all but the spoilt blob of the pack is still good."""
    contents = [os.urandom(5000) for _ in range(4)]
    for number, content in enumerate(contents):
        put(desk.source / f"srv/{number}", content)
    desk.back_up()
    data = desk.packs()[0]
    spoilt = bytearray(desk.store.get(data))
    spoilt[3] ^= 1
    MemoryStore.put(desk.store, data, bytes(spoilt))
    note_distrusted(desk.store, [bytes.fromhex(data.split("/")[-1])])
    for number in range(4):
        (desk.source / f"srv/{number}").unlink()
    put(desk.source / "srv/new", b"all that is left")
    desk.back_up()
    index = desk.repository.load_index()
    kept = [index.has(BlobKind.DATA, hashlib.sha256(content).digest()) for content in contents]
    assert kept.count(True) == 3
    assert bytes.fromhex(data.split("/")[-1]) not in index.pack_ids()


def test_an_index_object_that_is_spoilt_costs_nothing(desk: Desk) -> None:
    desk.back_up()
    (index,) = desk.store.names("index/")
    desk.spoil(index)
    run = desk.back_up()
    assert run.new_bytes == 0
    assert index not in desk.store.names("index/")
    is_whole(desk)


def alter(desk: Desk, key: str) -> None:
    MemoryStore.put(desk.store, key, desk.store.get(key).replace(b'"files":4', b'"files":9'))


@pytest.mark.parametrize("harm", [cut, alter])
def test_a_spoilt_manifest_keeps_nobody_from_saving(desk: Desk, harm) -> None:
    """The database still has it as it was written, so the chain is whole."""
    desk.back_up()
    first = desk.manifest(1)
    harm(desk, desk.store.names("lapseguard/manifests/")[0])
    run = desk.back_up()
    assert "is damaged in the store" in desk.watcher.warnings[0]
    assert desk.manifest(2).manifest.previous_sha256 == first.sha256
    assert run.new_bytes == 0
    is_whole(desk)


def test_a_spoilt_listing_of_checksums_is_made_anew(desk: Desk) -> None:
    put(desk.source / "srv/large", os.urandom(10 * MIB))
    desk.back_up()
    (listing,) = desk.store.names("lapseguard/sums/")
    before = desk.listing(1)
    desk.spoil(listing)
    desk.back_up()
    assert "is damaged in the store" in desk.watcher.warnings[0]
    assert desk.listing(2) == before
    is_whole(desk)


def test_packs_that_a_killed_run_never_listed_are_used(desk: Desk) -> None:
    desk.back_up()
    for key in (*desk.store.names("index/"), *desk.store.names("snapshots/")):
        MemoryStore.delete(desk.store, key)
    packs = desk.packs()
    run = desk.back_up()
    assert run.new_bytes == 0
    assert desk.packs() == packs
    is_whole(desk)


def test_what_is_stored_wrong_twice_is_not_called_verified(plain_desk: Desk) -> None:
    """A store that spoils all it is given."""
    desk, keep = plain_desk, plain_desk.store.put

    def spoil(key: str, data: bytes):
        content = bytearray(data)
        content[len(content) // 2] ^= key.startswith("data/")
        return keep(key, bytes(content))

    desk.store.put = spoil  # type: ignore[method-assign]  # the fault under test
    with pytest.raises(VerificationFailed, match="does not verify: data/"):
        desk.back_up()
    assert desk.runs()[0].state is RunState.FAILED
    assert desk.store.names("lapseguard/manifests/") == []
    del desk.store.put  # type: ignore[attr-defined]  # the class's own again
    desk.back_up()
    is_whole(desk)


def test_an_index_that_may_not_be_changed_is_left_alone_with_a_warning(desk: Desk) -> None:
    """Keys that cannot delete are what we advise; a person with others mends it."""

    def refuse(key: str) -> None:
        if key in {*desk.store.names("index/"), f"index/{'0' * 64}"}:
            raise StoreRefused("not allowed")

    desk.back_up()
    remove(desk, desk.packs()[0])
    desk.store.obey = refuse
    for _ in range(2):
        assert desk.back_up().state is RunState.VERIFIED
        assert "`restic repair index` removes them" in desk.watcher.warnings[-1]
    assert len(desk.store.names("index/")) == 2
    desk.store.obey = lambda _: None
    desk.back_up()
    is_whole(desk)


def test_an_index_in_use_is_mended_another_time(desk: Desk) -> None:
    desk.back_up()
    remove(desk, desk.packs()[0])
    with hold_lock(desk.repository):
        assert desk.back_up().state is RunState.VERIFIED
        assert "in use" in desk.watcher.warnings[-1]
    desk.back_up()
    is_whole(desk)


def test_a_repository_that_another_program_rebuilds_is_left_alone(desk: Desk) -> None:
    with hold_lock(desk.repository, exclusive=True), pytest.raises(RepositoryLocked):
        desk.back_up()
    assert desk.runs()[0].error is not None
    assert desk.store.names(DISTRUSTED_PREFIX) == []
