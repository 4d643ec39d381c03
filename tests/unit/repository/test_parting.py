"""Data that leaves before a flush asks for it."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from backends.errors import StoreFull
from backends.objectstore.memory import MemoryStore
from backends.repository.blob import open_blob
from backends.repository.pack import PACKS, pack_key
from backends.repository.repository import Repository
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind
from tests.parts.repository import PASSWORD, make_repository

LONG = 30


class Gated(MemoryStore):
    """A store whose packs wait until the test lets them through."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.full = False

    def put(self, key, data):
        if key.startswith(PACKS):
            self.waiting.release()
            assert self.open.wait(LONG)
            if self.full:
                raise StoreFull("no room")
        return super().put(key, data)


def load(repository: Repository, kind: BlobKind, blob_id: BlobId) -> bytes:
    """A blob's bytes, found by what the stored index says."""
    found = repository.load_index().lookup(kind, blob_id)[0]
    sealed = repository.store.get(
        pack_key(found.pack), offset=found.blob.offset, length=found.blob.length
    )
    return open_blob(repository.master, sealed, found.blob.uncompressed_length, blob_id)


@pytest.fixture
def store() -> Gated:
    return Gated()


@pytest.fixture
def writer(store: Gated) -> RepositoryWriter:
    repository = make_repository(store)
    return RepositoryWriter(repository, repository.load_index(), uploads=1)


def test_data_travels_while_trees_are_made_and_a_flush_waits_for_both(store, writer):
    content = os.urandom(20_000)
    with writer:
        file = writer.save_small(content)
        writer.send_off_data()
        assert store.waiting.acquire(timeout=LONG), "nothing was sent"
        tree = writer.save_blob(BlobKind.TREE, b'{"nodes":[]}\n')
        assert not store.waiting.acquire(blocking=False), "the tree need not hurry"
        store.open.set()
        writer.flush()
        repository = Repository.open(store, PASSWORD)
        assert load(repository, BlobKind.DATA, file.blobs[0]) == content
        assert load(repository, BlobKind.TREE, tree) == b'{"nodes":[]}\n'


def test_a_flush_also_waits_for_data_that_waits_for_the_line(store):
    first, second = os.urandom(600_000), os.urandom(20_000)
    repository = make_repository(store)
    with RepositoryWriter(
        repository, repository.load_index(), uploads=1, pack_target=100_000
    ) as writer:
        files = [writer.save_small(first)]
        assert store.waiting.acquire(timeout=LONG), "the only place is not taken"
        files.append(writer.save_small(second))
        writer.send_off_data()
        threading.Timer(0.2, store.open.set).start()
        writer.flush()
        repository = Repository.open(store, PASSWORD)
        found = [load(repository, BlobKind.DATA, file.blobs[0]) for file in files]
    assert found == [first, second]


def test_trees_stay_behind_to_share_a_pack(store, writer):
    store.open.set()
    with writer:
        writer.save_blob(BlobKind.TREE, b'{"nodes":[]}\n')
        writer.save_small(os.urandom(20_000))
        writer.send_off_data()
        writer.save_blob(BlobKind.TREE, b'{"nodes":null}\n')
    assert len(list(store.list(PACKS))) == 2


def test_data_that_is_sent_off_again_and_again_is_stored_once(store, writer):
    store.open.set()
    with writer:
        for _ in range(5):
            writer.save_small(b"the same")
            writer.send_off_data()
    assert len(list(store.list(PACKS))) == 1


def test_data_that_was_waited_for_is_in_the_store_and_in_no_index(store, writer):
    content = os.urandom(20_000)
    store.open.set()
    with writer:
        assert writer.seconds_to_send() is None
        file = writer.save_small(content)
        writer.send_data()
        assert len(list(store.list(PACKS))) == 1
        assert not list(store.list("index/"))
        assert writer.seconds_to_send() == 0
        assert writer.line_seconds(20_000) > 0
        writer.flush()
        repository = Repository.open(store, PASSWORD)
        assert load(repository, BlobKind.DATA, file.blobs[0]) == content


def test_who_waits_for_data_is_told_why_it_could_not_be_stored(store, writer):
    store.full = True
    store.open.set()
    writer.save_small(os.urandom(20_000))
    with pytest.raises(StoreFull):
        writer.send_data()
    writer.abort()


def test_a_flush_has_what_another_thread_is_sending(store, monkeypatch):
    """Packs that have been taken out and wait for their turn are in no list of anybody's."""
    repository = make_repository(store)
    writer = RepositoryWriter(repository, repository.load_index(), uploads=1, pack_target=100_000)
    spread = cycle((0.0, 0.4, 0.8))  # so that each blob has a pack of its own
    monkeypatch.setattr(writer._packs._random, "random", lambda: next(spread))
    contents = [os.urandom(60_000) for _ in range(3)]
    with writer, ThreadPoolExecutor(2) as threads:
        files = [writer.save_small(content) for content in contents]
        sending = threads.submit(writer.send_data)
        assert store.waiting.acquire(timeout=LONG), "nothing was sent"
        flushing = threads.submit(writer.flush)
        store.open.set()
        flushing.result(LONG)
        found = Repository.open(store, PASSWORD)
        assert [load(found, BlobKind.DATA, file.blobs[0]) for file in files] == contents
        sending.result(LONG)


def test_the_flush_tells_why_data_could_not_be_stored(store, writer):
    store.full = True
    store.open.set()
    writer.save_small(os.urandom(20_000))
    writer.send_off_data()
    with pytest.raises(StoreFull):
        writer.flush()
    writer.abort()


def test_a_writer_that_is_given_up_leaves_no_thread_behind(store, writer):
    writer.save_small(os.urandom(20_000))
    writer.send_off_data()
    store.open.set()
    writer.abort()
    assert not [each for each in threading.enumerate() if each.name == "parting"]
