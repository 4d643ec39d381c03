"""Storing blobs and files."""

import hashlib
import io
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest
import xxhash

from backends.errors import MemoryFault, ObjectCorrupt, RepositoryError, StoreFull
from backends.objectstore.memory import MemoryStore
from backends.repository import uploads
from backends.repository.blob import SealedBlob, identify, open_blob
from backends.repository.failure import Failure
from backends.repository.index import Index, IndexedPack
from backends.repository.pack import PACKS, PackBuilder, load_header, pack_key
from backends.repository.repository import Repository
from backends.repository.uploads import Uploads
from backends.repository.writer import LARGEST_TARGET, RepositoryWriter, WriterTotals
from backends.repository.zstd import ZstdCompressor
from backends.types import BlobId, BlobKind, ObjectInfo
from tests.parts.repository import make_repository

SMALL_PACKS = 100_000


def open_writer(repository: Repository, **options: object) -> RepositoryWriter:
    return RepositoryWriter(repository, repository.load_index(), **options)


def load(repository: Repository, kind: BlobKind, blob_id: BlobId) -> bytes:
    """A blob's bytes, found by what the stored index says."""
    location = repository.load_index().lookup(kind, blob_id)[0]
    sealed = repository.store.get(
        pack_key(location.pack), offset=location.blob.offset, length=location.blob.length
    )
    return open_blob(repository.master, sealed, location.blob.uncompressed_length, blob_id)


def packs_of(repository: Repository) -> list[ObjectInfo]:
    return list(repository.store.list(PACKS))


def index_objects(repository: Repository) -> int:
    return len(list(repository.store.list("index/")))


def save_noise(writer: RepositoryWriter, count: int) -> list[BlobId]:
    return [writer.save_blob(BlobKind.DATA, os.urandom(20_000)) for _ in range(count)]


def own_threads() -> set[str]:
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if name.startswith(("seal", "upload"))}


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
            assert self.open.wait(30)
            if self.full:
                raise StoreFull("no room")
        return super().put(key, data)


class Full(MemoryStore):
    """A store that takes `room` packs and no more, or no index."""

    def __init__(self, room: int, refused: str = PACKS) -> None:
        super().__init__()
        self.room = room
        self.refused = refused

    def put(self, key, data):
        if key.startswith(self.refused):
            self.room -= 1
            if self.room < 0:
                raise StoreFull("no room")
        return super().put(key, data)


class Lying(MemoryStore):
    """A store that says it took something else."""

    def __init__(self, **lies: object) -> None:
        super().__init__()
        self.lies = lies

    def put(self, key, data):
        info = super().put(key, data)
        if not key.startswith(PACKS):
            return info
        return ObjectInfo(key=key, **({"size": info.size, "sha256": info.sha256} | self.lies))


def test_a_saved_blob_can_be_loaded_after_a_flush(repository):
    with open_writer(repository) as writer:
        blob_id = writer.save_blob(BlobKind.TREE, b'{"nodes":[]}\n')
        writer.flush()

        assert load(repository, BlobKind.TREE, blob_id) == b'{"nodes":[]}\n'


def test_closing_flushes(repository):
    with open_writer(repository) as writer:
        blob_id = writer.save_blob(BlobKind.DATA, b"data")

    assert load(repository, BlobKind.DATA, blob_id) == b"data"


def test_data_and_trees_never_share_a_pack(repository):
    with open_writer(repository) as writer:
        for number in range(20):
            writer.save_blob(BlobKind.DATA, b"data %d" % number)
            writer.save_blob(BlobKind.TREE, b"tree %d" % number)

    headers = [
        load_header(repository.store, repository.master, pack.pack, size.size)
        for pack in repository.load_index().packs()
        for size in [repository.store.stat(pack_key(pack.pack))]
    ]
    assert Counter(len({blob.kind for blob in header}) for header in headers) == {1: 2}


def test_the_same_blob_is_stored_once(repository):
    with open_writer(repository) as writer:
        ids = {writer.save_blob(BlobKind.DATA, b"again") for _ in range(10)}
        writer.flush()
        ids.add(writer.save_blob(BlobKind.DATA, b"again"))

    assert len(ids) == 1
    assert writer.totals.new_blobs == 1


def test_what_the_index_knows_is_not_stored_again(repository):
    with open_writer(repository) as writer:
        writer.save_file(io.BytesIO(b"a file"))
    before = [info.key for info in repository.store.list("")]

    with open_writer(repository) as writer:
        writer.save_file(io.BytesIO(b"a file"))

    assert [info.key for info in repository.store.list("")] == before
    assert writer.totals == WriterTotals()


def test_a_file_and_a_tree_of_the_same_bytes_are_two_blobs(repository):
    with open_writer(repository) as writer:
        writer.save_blob(BlobKind.DATA, b"same")
        writer.save_blob(BlobKind.TREE, b"same")

    assert writer.totals.new_blobs == 2


def test_equal_pieces_of_a_file_are_stored_once(repository):
    with open_writer(repository) as writer:
        stored = writer.save_file(io.BytesIO(bytes(24 << 20)))

    assert len(stored.blobs) == 3
    assert writer.totals.new_blobs == 1


def test_a_buffer_may_be_used_again_at_once(repository):
    buffer = bytearray(b"first")
    with open_writer(repository) as writer:
        blob_id = writer.save_blob(BlobKind.DATA, buffer)
        buffer[:] = b"other"

    assert load(repository, BlobKind.DATA, blob_id) == b"first"


def test_nothing_is_compressed_in_a_repository_of_version_1(repository):
    config = replace(repository.config, version=1)
    with open_writer(replace(repository, config=config)) as writer:
        writer.save_file(io.BytesIO(bytes(1000)))
        writer.save_file(io.BytesIO(bytes(9 << 20)))

    blobs = [blob for pack in repository.load_index().packs() for blob in pack.blobs]
    assert [blob.uncompressed_length for blob in blobs] == [None] * 3


def test_threads_that_save_the_same_blobs_store_each_once(repository):
    contents = [os.urandom(2000) for _ in range(50)] * 8

    with (
        open_writer(repository, pack_target=SMALL_PACKS) as writer,
        ThreadPoolExecutor(8) as threads,
    ):
        list(threads.map(lambda data: writer.save_blob(BlobKind.DATA, data), contents))

    assert writer.totals.new_blobs == 50
    stored = Counter(blob.id for pack in repository.load_index().packs() for blob in pack.blobs)
    assert set(stored.values()) == {1}


@pytest.mark.parametrize("size", [0, 1, 512 << 10, (512 << 10) + 1, 700_000, 9 << 20, 21 << 20])
def test_a_file_is_known_by_its_bytes_however_it_is_cut(repository, size):
    content = os.urandom(size // 2) + bytes(size - size // 2)

    with open_writer(repository) as writer:
        stored = writer.save_file(io.BytesIO(content))

    assert stored.size == size
    assert stored.sha256 == hashlib.sha256(content).digest()
    assert stored.xxh128 == xxhash.xxh3_128_hexdigest(content)
    assert b"".join(load(repository, BlobKind.DATA, blob) for blob in stored.blobs) == content


def test_an_empty_file_has_no_blobs(repository):
    with open_writer(repository) as writer:
        assert writer.save_file(io.BytesIO()).blobs == ()

    assert packs_of(repository) == []


def test_a_file_that_cannot_be_read_fails_alone(repository):
    class Unreadable(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 600_000:
                raise OSError("bad sector")
            return super().read(min(size, 100_000))

    with open_writer(repository) as writer:
        with pytest.raises(OSError, match="bad sector"):
            writer.save_file(Unreadable(os.urandom(2 << 20)))
        saved = writer.save_file(io.BytesIO(b"another"))

    assert load(repository, BlobKind.DATA, saved.blobs[0]) == b"another"


def test_a_pack_is_sent_off_when_it_reaches_its_target(repository):
    with open_writer(repository, pack_target=SMALL_PACKS) as writer:
        for _ in range(100):
            writer.save_blob(BlobKind.DATA, os.urandom(10_000))
    sizes = [info.size for info in packs_of(repository)]

    assert 8 <= len(sizes) <= 14
    assert max(sizes) < SMALL_PACKS + 12_000


def test_blobs_that_follow_each_other_are_spread_over_packs(repository):
    with open_writer(repository, pack_target=SMALL_PACKS) as writer:
        ids = [writer.save_blob(BlobKind.DATA, os.urandom(1000)) for _ in range(300)]

    index = repository.load_index()
    packs = [index.pack_of(BlobKind.DATA, blob_id) for blob_id in ids]
    changes = sum(first != second for first, second in pairwise(packs))
    assert changes > 100


def test_a_small_backup_ends_in_one_pack(repository):
    """Several tiny packs would tell the sizes of single blobs."""
    with open_writer(repository) as writer:
        for number in range(10):
            writer.save_blob(BlobKind.DATA, b"tiny %d" % number)

    assert len(packs_of(repository)) == 1


def test_a_flush_with_nothing_new_stores_nothing(repository):
    with open_writer(repository) as writer:
        writer.save_blob(BlobKind.DATA, b"data")
        for _ in range(3):
            writer.flush()

    assert index_objects(repository) == 1


def test_each_checkpoint_makes_what_came_before_it_loadable(repository):
    with open_writer(repository) as writer:
        for number in range(3):
            blob_id = writer.save_blob(BlobKind.DATA, b"data %d" % number)
            writer.flush()
            assert load(repository, BlobKind.DATA, blob_id) == b"data %d" % number


def test_a_flush_covers_what_other_threads_saved_before(repository):
    contents = [os.urandom(500) for _ in range(400)]

    with open_writer(repository, pack_target=20_000) as writer, ThreadPoolExecutor(4) as threads:

        def save(content: bytes) -> bool:
            blob_id = writer.save_blob(BlobKind.DATA, content)
            if content[0] > 8:
                return True
            writer.flush()
            return repository.load_index().has(BlobKind.DATA, blob_id)

        assert all(threads.map(save, contents))


class Blocked:
    """A compressor that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def compress(self, data):
        self.begun.set()
        assert self.go_on.wait(30)
        return ZstdCompressor().compress(data)

    def compress_many(self, data):
        return [self.compress(plain) for plain in data]


def test_a_flush_waits_for_a_blob_that_another_thread_is_still_sealing(repository):
    """Whoever saved the same blob meanwhile was told at once that it is taken care of."""
    blocked = Blocked()
    with open_writer(repository, compressor=blocked) as writer:
        first = threading.Thread(target=writer.save_file, args=(io.BytesIO(bytes(10 << 20)),))
        first.start()
        assert blocked.begun.wait(30)
        blob_id = writer.save_blob(BlobKind.DATA, bytes(8 << 20))
        flush = threading.Thread(target=writer.flush)
        flush.start()
        flush.join(0.2)
        early = not flush.is_alive()
        blocked.go_on.set()
        flush.join(30)

        assert not early
        assert load(repository, BlobKind.DATA, blob_id) == bytes(8 << 20)
        first.join(30)


class Slow(Index):
    """An index whose first answer takes as long as the test likes."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.answer = threading.Event(), threading.Event()

    def has(self, kind, blob_id):
        if not self.asked.is_set():
            self.asked.set()
            assert self.answer.wait(30)
        return super().has(kind, blob_id)


def test_a_flush_waits_for_a_blob_that_another_thread_has_only_claimed(repository):
    index = Slow()
    with RepositoryWriter(repository, index) as writer:
        first = threading.Thread(target=writer.save_blob, args=(BlobKind.DATA, b"data"))
        first.start()
        assert index.asked.wait(30)
        blob_id = writer.save_blob(BlobKind.DATA, b"data")
        flush = threading.Thread(target=writer.flush)
        flush.start()
        flush.join(0.2)
        index.answer.set()
        flush.join(30)

        assert load(repository, BlobKind.DATA, blob_id) == b"data"
        first.join(30)


def test_a_claim_that_comes_to_nothing_stops_everything(repository):
    """Others would think the blob stored."""

    class Broken(Index):
        def has(self, *_):
            raise MemoryError

    writer = RepositoryWriter(repository, Broken())
    for call in (lambda: writer.save_blob(BlobKind.DATA, b"data"), writer.flush, writer.close):
        with pytest.raises(MemoryError):
            call()


def test_a_few_middling_blobs_are_sealed_without_waiting_for_more(repository):
    """Sixty-four of them at a time would take tens of megabytes."""
    blocked = Blocked()
    blocked.go_on.set()
    with open_writer(repository, compressor=blocked) as writer:
        writer.save_blob(BlobKind.DATA, os.urandom(300_000))
        assert not blocked.begun.is_set()
        writer.save_blob(BlobKind.DATA, os.urandom(300_000))
        assert blocked.begun.wait(30)


def test_what_is_stored_is_no_longer_remembered_as_under_way(repository):
    """A backup of millions of files must not grow without bound."""
    with open_writer(repository) as writer:
        save_noise(writer, 10)
        assert len(writer._claims) == 10
        writer.flush()
        assert len(writer._claims) == 0


def test_receipts_and_totals_tell_what_the_store_took(repository):
    with open_writer(repository, pack_target=SMALL_PACKS) as writer:
        for _ in range(30):
            writer.save_blob(BlobKind.DATA, os.urandom(10_000))

    assert {pack_key(receipt.pack): receipt.size for receipt in writer.receipts} == {
        info.key: info.size for info in packs_of(repository)
    }
    assert all(receipt.attested for receipt in writer.receipts)
    assert writer.totals == WriterTotals(
        new_blobs=30,
        new_bytes=300_000,
        stored_bytes=sum(info.size for info in packs_of(repository)),
    )


def test_a_store_that_vouches_for_nothing_gives_plain_receipts():
    repository = make_repository(MemoryStore(attests_sha256=False))

    with open_writer(repository) as writer:
        writer.save_blob(BlobKind.DATA, b"data")

    assert [receipt.attested for receipt in writer.receipts] == [False]


@pytest.mark.parametrize("lie", [{"sha256": b"\x00" * 32}, {"size": 3}])
def test_a_store_that_took_something_else_is_caught(lie):
    repository = make_repository(Lying(**lie))
    writer = open_writer(repository)
    writer.save_blob(BlobKind.DATA, b"data")

    with pytest.raises(ObjectCorrupt):
        writer.close()
    assert index_objects(repository) == 0


def test_the_first_failed_upload_stops_everything():
    repository = make_repository(Full(room=2))
    writer = open_writer(repository, pack_target=SMALL_PACKS)

    with pytest.raises(StoreFull):
        save_noise(writer, 1000)
    for call in (writer.flush, writer.close, lambda: writer.save_blob(BlobKind.DATA, b"x")):
        with pytest.raises(StoreFull):
            call()
    assert own_threads() == set()
    assert index_objects(repository) == 0


def test_a_pack_that_waited_behind_a_failed_one_is_not_uploaded():
    store = Gated()
    writer = open_writer(make_repository(store), uploads=1, pack_target=1000)
    outcome: list[BaseException] = []

    def save() -> None:
        try:
            save_noise(writer, 1000)
        except StoreFull as error:
            outcome.append(error)

    saver = threading.Thread(target=save)
    saver.start()
    assert store.waiting.acquire(timeout=30)
    saver.join(0.2)
    store.full = True
    store.open.set()
    saver.join(30)
    writer.abort()

    assert len(outcome) == 1
    assert not store.waiting.acquire(blocking=False)


def test_nothing_of_a_failed_pack_ever_reaches_an_index():
    store = Full(room=3)
    repository = make_repository(store)
    writer = open_writer(repository, pack_target=SMALL_PACKS)
    first = writer.save_blob(BlobKind.DATA, os.urandom(10))
    writer.flush()
    with pytest.raises(StoreFull):
        save_noise(writer, 1000)
    writer.abort()

    index = repository.load_index()

    assert index.has(BlobKind.DATA, first)
    assert {pack_key(pack) for pack in index.pack_ids()} <= {
        info.key for info in packs_of(repository)
    }


def test_an_index_that_cannot_be_stored_fails_the_flush():
    repository = make_repository(Full(room=0, refused="index/"))
    writer = open_writer(repository)
    writer.save_blob(BlobKind.DATA, b"data")

    with pytest.raises(StoreFull):
        writer.flush()
    with pytest.raises(StoreFull):
        writer.close()


class Corrupting:
    """A compressor on a machine whose memory forgets a bit, once in a while."""

    def compress(self, data):
        altered = bytearray(data)
        altered[0] ^= data[:4] == b"evil"
        return ZstdCompressor().compress(bytes(altered))

    def compress_many(self, data):
        return [self.compress(plain) for plain in data]


def save_evil(writer: RepositoryWriter, size: int) -> None:
    writer.save_file(io.BytesIO(b"evil" + bytes(size)))
    writer.flush()


@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_blob_that_does_not_decode_is_never_uploaded(repository, size):
    writer = open_writer(repository, compressor=Corrupting())
    writer.save_file(io.BytesIO(b"good" + bytes(size)))

    with pytest.raises(MemoryFault):
        save_evil(writer, size)
    with pytest.raises(MemoryFault):
        writer.close()
    assert packs_of(repository) == []
    assert own_threads() == set()


def test_savers_wait_while_too_much_is_on_its_way():
    store = Gated()
    repository = make_repository(store)
    saved: list[BlobId] = []
    with open_writer(repository, uploads=2, pack_target=1000) as writer:

        def save_many() -> None:
            saved.extend(writer.save_blob(BlobKind.DATA, os.urandom(900)) for _ in range(2000))

        saver = threading.Thread(target=save_many)
        saver.start()
        for _ in range(2):
            assert store.waiting.acquire(timeout=30)
        saver.join(0.2)
        stuck = len(saved)
        store.open.set()
        saver.join(30)

    assert stuck < 1000
    assert len(saved) == 2000
    index = repository.load_index()
    assert all(index.has(BlobKind.DATA, blob_id) for blob_id in saved)


def test_an_abort_stores_nothing_more_and_leaves_no_thread(repository):
    writer = open_writer(repository)
    writer.save_blob(BlobKind.DATA, b"data")
    writer.save_file(io.BytesIO(os.urandom(3 << 20)))

    writer.abort()

    assert packs_of(repository) == []
    assert own_threads() == set()
    with pytest.raises(RepositoryError, match="closed"):
        writer.save_blob(BlobKind.DATA, b"more")


def test_a_block_that_fails_aborts(repository):
    def fail_half_way() -> None:
        with open_writer(repository) as writer:
            writer.save_blob(BlobKind.DATA, b"data")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()

    assert packs_of(repository) == []
    assert own_threads() == set()


def test_an_abort_frees_a_thread_that_saves_a_large_file():
    store = Gated()
    writer = open_writer(make_repository(store), uploads=1, pack_target=1 << 20)
    outcome: list[BaseException] = []

    def save() -> None:
        try:
            writer.save_file(io.BytesIO(os.urandom(30 << 20)))
        except RepositoryError as error:
            outcome.append(error)

    saver = threading.Thread(target=save)
    saver.start()
    assert store.waiting.acquire(timeout=30)
    aborter = threading.Thread(target=writer.abort)
    aborter.start()
    store.open.set()
    aborter.join(30)
    saver.join(30)

    assert len(outcome) == 1
    assert own_threads() == set()


def test_closing_twice_is_closing_once(repository):
    writer = open_writer(repository)
    writer.save_blob(BlobKind.DATA, b"data")
    writer.close()
    writer.close()
    writer.abort()

    assert index_objects(repository) == 1


def test_the_writer_adds_to_the_index_it_was_given(repository):
    index = Index()
    with RepositoryWriter(repository, index) as writer:
        blob_id = writer.save_blob(BlobKind.DATA, b"data")
        writer.flush()

        assert index.has(BlobKind.DATA, blob_id)


@pytest.mark.parametrize("target", [0, -1, LARGEST_TARGET + 1])
def test_an_impossible_pack_size_is_refused(repository, target):
    with pytest.raises(ValueError, match="not possible"):
        open_writer(repository, pack_target=target)


def test_many_small_blobs_are_indexed_before_the_end(repository):
    """An index object never grows much beyond its bound, which is below that of restic."""
    stored: list[IndexedPack] = []
    sent = Uploads(
        repository,
        limit=1,
        failure=Failure(),
        on_stored=lambda pack, _: stored.append(IndexedPack(pack=pack.id, blobs=pack.blobs)),
    )
    for number in range(3):
        builder = PackBuilder(BlobKind.DATA)
        for inner in range(uploads.INDEX_BLOBS // 2):
            name = identify(b"%d %d" % (number, inner))
            builder.add(SealedBlob(id=name, sealed=bytes(33), uncompressed_length=None))
        sent.submit(builder)
    sent.settle()
    sent.close()

    assert index_objects(repository) == 2
    assert len(repository.load_index()) == 3 * (uploads.INDEX_BLOBS // 2)
    assert len(stored) == 3
