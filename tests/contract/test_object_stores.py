"""What every object store promises, tried on each of them."""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from backends.errors import BucketMissing, KeyInvalid, ObjectCorrupt, ObjectMissing
from backends.objectstore.directory import DirectoryStore
from backends.objectstore.memory import MemoryStore
from backends.objectstore.metered import MeteredStore
from backends.objectstore.retrying import RetryingStore, RetryPolicy
from backends.objectstore.s3 import S3Address, S3Credentials, S3Limits, S3Store
from backends.protocols import ObjectStore
from tests.parts.object_servers import S3Server

STORES = ("memory", "memory-unattested", "directory", "seaweed", "seaweed-versioned", "rclone")
WRAPPED = ("retrying", "metered")
THREADS = 8
BODY = bytes(range(256)) * 40
BAD_KEYS = (
    "",
    "/",
    "/config",
    "data/",
    "data//x",
    ".",
    "../up",
    "a/../../up",
    "a/./b",
    "ü",
    "a\nb",
)
ODD_NAMES = ("a b", "a+b", "a%2Fb", "a&b=c;d", "~!@#$^*()_-", "[x]{y}'\"`|", "%", "...", "a?b")


def open_bucket(server: S3Server, bucket: str, prefix: str) -> S3Store:
    address = S3Address(bucket=bucket, prefix=prefix, endpoint=server.endpoint)
    credentials = S3Credentials(
        access_key_id=server.access_key, secret_access_key=server.secret_key
    )
    return S3Store(address, credentials, limits=S3Limits(workers=THREADS, attempts=2))


@pytest.fixture(scope="session")
def buckets(request: pytest.FixtureRequest) -> Callable[[str], tuple[S3Server, str]]:
    """One bucket for each S3 store, made when first asked for."""
    made: dict[str, tuple[S3Server, str]] = {}

    def bucket_of(name: str) -> tuple[S3Server, str]:
        if name not in made:
            fixture = "rclone_server" if name == "rclone" else "s3_server"
            server: S3Server = request.getfixturevalue(fixture)
            made[name] = server, server.make_bucket(versioned=name.endswith("versioned"))
        return made[name]

    return bucket_of


@pytest.fixture(params=STORES + WRAPPED)
def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    buckets: Callable[[str], tuple[S3Server, str]],
) -> Iterator[ObjectStore]:
    """An empty store of each kind."""
    match request.param:
        case "memory":
            opened: ObjectStore = MemoryStore()
        case "memory-unattested":
            opened = MemoryStore(attests_sha256=False)
        case "directory":
            opened = DirectoryStore(tmp_path / "store", create=True)
        case "retrying":
            opened = RetryingStore(
                DirectoryStore(tmp_path / "store", create=True), RetryPolicy(first_delay=0)
            )
        case "metered":
            opened = MeteredStore(MemoryStore())
        case name:
            opened = open_bucket(*buckets(name), prefix=f"fleet/{uuid.uuid4().hex}")
    yield opened
    opened.close()


@pytest.fixture(params=("directory", "seaweed", "rclone"))
def homeless(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    buckets: Callable[[str], tuple[S3Server, str]],
) -> Iterator[ObjectStore]:
    """A store whose bucket or folder does not exist."""
    if request.param == "directory":
        opened: ObjectStore = DirectoryStore(tmp_path / "unmounted")
    else:
        server, _ = buckets(request.param)
        opened = open_bucket(server, f"missing-{uuid.uuid4().hex}", prefix="")
    yield opened
    opened.close()


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_an_object_comes_back_as_it_was_put(store: ObjectStore) -> None:
    """Whatever the size, every byte is there again."""
    bodies = [os.urandom(size) for size in (0, 1, 65_537, 5_000_000)]
    for number, body in enumerate(bodies):
        store.put(f"data/ab/{number}", body)

    assert [store.get(f"data/ab/{number}") for number in range(len(bodies))] == bodies


def test_a_put_replaces_the_whole_object(store: ObjectStore) -> None:
    """A shorter second body leaves nothing of the first."""
    store.put("config", b"first and long")
    store.put("config", b"second")

    assert store.get("config") == b"second"
    assert store.stat("config").size == len(b"second")


def test_a_span_of_an_object(store: ObjectStore) -> None:
    """Exactly the asked bytes come, to the very end and of no bytes as well."""
    store.put("pack", BODY)

    for offset, length in (
        *((0, 0), (0, 1), (0, None), (5, 3), (5, None)),
        *((10_239, 1), (10_240, None), (10_240, 0)),
    ):
        end = len(BODY) if length is None else offset + length
        assert store.get("pack", offset=offset, length=length) == BODY[offset:end]


def test_a_span_past_the_end_is_damage(store: ObjectStore) -> None:
    """An object shorter than its reader knows it to be never passes silently."""
    store.put("pack", BODY)

    for offset, length in (
        *((0, 10_241), (10_239, 2), (10_240, 1)),
        *((10_241, None), (10_241, 0), (99_999, 5)),
    ):
        with pytest.raises(ObjectCorrupt):
            store.get("pack", offset=offset, length=length)


def test_a_negative_span_is_a_mistake_of_the_caller(store: ObjectStore) -> None:
    """Negative offsets do not count from the end, they are refused."""
    store.put("pack", BODY)

    with pytest.raises(ValueError, match="span"):
        store.get("pack", offset=-1)
    with pytest.raises(ValueError, match="span"):
        store.get("pack", length=-1)


def test_what_is_not_there_is_missing(store: ObjectStore) -> None:
    """Every way of looking for an absent object says the same, and names the object."""
    store.put("data/there", BODY)

    for look in (
        lambda: store.get("data/absent"),
        lambda: store.get("data/absent", offset=3, length=4),
        lambda: store.get("data/absent", length=0),
        lambda: store.stat("data/absent"),
        lambda: store.stat("data"),
        lambda: store.get("data"),
    ):
        with pytest.raises(ObjectMissing, match="data"):
            look()


def test_a_stat_tells_what_was_put(store: ObjectStore) -> None:
    """Size, version and attested checksum of stat and of the put agree."""
    before = datetime.now(UTC) - timedelta(minutes=1)
    receipt = store.put("data/object", BODY)
    found = store.stat("data/object")

    assert (found.key, found.size) == ("data/object", len(BODY))
    assert (receipt.key, receipt.size) == ("data/object", len(BODY))
    assert found.version_id == receipt.version_id
    assert found.sha256 == receipt.sha256
    assert found.modified is None or before < found.modified < before + timedelta(minutes=2)


def test_a_checksum_is_attested_or_absent(store: ObjectStore) -> None:
    """A store that attests gives the right SHA-256 of each object, another one gives none."""
    store.put("empty", b"")
    store.put("pack", BODY)

    for key, data in (("empty", b""), ("pack", BODY)):
        expected = hashlib.sha256(data).digest() if store.attests_sha256 else None
        assert store.stat(key).sha256 == expected


def test_a_listing_is_sorted_by_whole_keys(store: ObjectStore) -> None:
    """Keys sort as text, also where one folder's name is the beginning of another's."""
    names = ["config", "data-old", "data/0a/0abc", "data/0b/0bcd", "data/ff", "dataset/x", "z"]
    for name in reversed(names):
        store.put(name, name.encode())

    found = list(store.list(""))

    assert [info.key for info in found] == names
    assert [info.size for info in found] == [len(name) for name in names]


def test_a_listing_has_what_starts_with_the_prefix(store: ObjectStore) -> None:
    """A prefix is the beginning of a text, not the name of a folder."""
    for name in ("data/0a/0abc", "data/0a/0abd", "data/0b/0bcd", "database", "index/1"):
        store.put(name, b"")

    assert keys(store, "data/0a/") == ["data/0a/0abc", "data/0a/0abd"]
    assert keys(store, "data/0a/0abd") == ["data/0a/0abd"]
    assert keys(store, "data/0") == ["data/0a/0abc", "data/0a/0abd", "data/0b/0bcd"]
    assert keys(store, "dat") == ["data/0a/0abc", "data/0a/0abd", "data/0b/0bcd", "database"]
    assert keys(store, "locks/") == []


def test_a_listing_hides_no_page(store: ObjectStore) -> None:
    """More objects than S3 puts on one page are all listed, each once."""
    expected = [f"data/{number % 16:02x}/{number:08d}" for number in range(1_003)]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda key: store.put(key, b"x"), expected))

    found = keys(store, "data/")

    assert found == sorted(expected)


def test_deleting_is_final_and_repeatable(store: ObjectStore) -> None:
    """A deleted object is gone for every reader; deleting it again, or nothing, succeeds."""
    store.put("locks/a", b"lock")
    store.put("locks/b", b"lock")

    store.delete("locks/a")
    store.delete("locks/a")
    store.delete("never/was/here")

    assert keys(store, "") == ["locks/b"]
    with pytest.raises(ObjectMissing):
        store.get("locks/a")
    store.put("locks/a", b"again")
    assert store.get("locks/a") == b"again"


def test_a_bad_key_is_refused_everywhere(store: ObjectStore) -> None:
    """No method lets a key through that could leave the store or not be stored elsewhere."""
    for key in BAD_KEYS:
        for attempt in (
            partial(store.put, key, b""),
            partial(store.get, key),
            partial(store.stat, key),
            partial(store.delete, key),
        ):
            with pytest.raises(KeyInvalid):
                attempt()


def test_a_bad_prefix_is_refused(store: ObjectStore) -> None:
    """A prefix no valid key can have is a mistake, not an empty listing."""
    for prefix in ("/", "data//", "../", "ü", "a/../b"):
        with pytest.raises(KeyInvalid):
            list(store.list(prefix))


def test_printable_ascii_survives_in_keys(store: ObjectStore) -> None:
    """Nothing on the way to the store takes a sign in a key for more than a sign."""
    for name in ODD_NAMES:
        store.put(f"odd/{name}/{name}", name.encode())

    for name in ODD_NAMES:
        assert store.get(f"odd/{name}/{name}") == name.encode()
        assert keys(store, f"odd/{name}/") == [f"odd/{name}/{name}"]


def test_many_threads_share_a_store(store: ObjectStore) -> None:
    """Writers, readers, listers and deleters at once all get what is theirs.

    Each folder keeps one object: rclone removes a folder with its last object, and under load
    was seen to lose one that arrived at that very moment.
    """
    anchors = [f"data/{number}/anchor" for number in range(7)]
    for anchor in anchors:
        store.put(anchor, b"")

    def live(number: int) -> bool:
        key, data = f"data/{number % 7}/{number:03d}", os.urandom(5_000)
        store.put(key, data)
        same = store.get(key) == data and key in keys(store, f"data/{number % 7}/")
        store.delete(key)
        return same

    with ThreadPoolExecutor(THREADS) as threads:
        outcomes = list(threads.map(live, range(80)))

    assert all(outcomes)
    assert keys(store) == anchors


def test_readers_see_the_old_or_the_new_object(store: ObjectStore) -> None:
    """While an object is replaced again and again no reader meets a mixture or a gap."""
    bodies = [bytes([number]) * 300_000 for number in range(8)]
    store.put("config", bodies[0])

    def read(_: int) -> bytes:
        return store.get("config")

    with ThreadPoolExecutor(THREADS) as threads:
        writes = threads.submit(lambda: [store.put("config", body) for body in bodies * 3])
        seen = list(threads.map(read, range(60)))
        writes.result()

    assert set(seen) <= set(bodies)


def test_the_caller_may_reuse_its_buffer(store: ObjectStore) -> None:
    """What was put does not change with the buffer it came from."""
    buffer = bytearray(b"as it was")
    store.put("pack", bytes(buffer))
    buffer[:] = b"XXXXXXXXX"

    assert store.get("pack") == b"as it was"


def test_a_missing_bucket_is_told_from_a_missing_object(homeless: ObjectStore) -> None:
    """Whatever is asked first of a store that does not exist, the answer says so."""
    for attempt in (
        lambda: homeless.put("config", b""),
        lambda: homeless.get("config"),
        lambda: homeless.stat("config"),
        lambda: list(homeless.list("")),
    ):
        with pytest.raises(BucketMissing):
            attempt()


def test_the_url_says_where_and_nothing_secret(store: ObjectStore) -> None:
    """The URL can go into reports."""
    assert store.url.startswith(("memory:", "file:///", "s3://"))
    assert "secret" not in store.url
