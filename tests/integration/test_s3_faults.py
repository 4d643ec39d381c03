"""What an S3 store makes of a bad line and a bad day of its server.

Every fault of the proxy meets every operation. Each ends in success after a retry or in the
right typed error; nothing damaged is ever stored, and no listing is ever shorter than the truth.
One thing is left to the layer above, by contract: a byte that flips in the body of a `get`.
"""

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from backends.errors import (
    ObjectCorrupt,
    ObjectMissing,
    StoreError,
    StoreRefused,
    StoreThrottled,
    StoreUnreachable,
)
from backends.objectstore.retrying import RetryingStore, RetryPolicy
from backends.objectstore.s3 import S3Address, S3Credentials, S3Limits, S3Store
from backends.protocols import ObjectStore
from tests.parts.faulty_proxy import Fault, FaultyProxy
from tests.parts.object_servers import RcloneServer, S3Server, SeaweedServer

BODY = bytes(range(256)) * 400
QUICK = RetryPolicy(first_delay=0.01, max_delay=0.05, budget=20)
IMPATIENT = S3Limits(attempts=1, connect_timeout=2, read_timeout=0.5)


@pytest.fixture(scope="module")
def long_line(s3_server: SeaweedServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(s3_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def line(long_line: FaultyProxy) -> FaultyProxy:
    """The line to the server, without the faults of earlier tests."""
    long_line.clear()
    return long_line


@pytest.fixture(scope="module")
def bucket(s3_server: SeaweedServer) -> str:
    return s3_server.make_bucket()


@pytest.fixture(scope="module")
def far_store(s3_server: SeaweedServer, long_line: FaultyProxy, bucket: str) -> Iterator[S3Store]:
    opened = open_store(s3_server, long_line.endpoint, bucket)
    yield opened
    opened.close()


@pytest.fixture
def store(far_store: S3Store, line: FaultyProxy) -> S3Store:
    """A store at the far end of the line, with three objects in it; it tries once."""
    far_store.delete("data/3")
    for number in range(3):
        far_store.put(f"data/{number}", BODY)
    line.clear()
    return far_store


def open_store(
    server: S3Server, endpoint: str, bucket: str, *, checksum: str = "sha256"
) -> S3Store:
    address = S3Address(bucket=bucket, prefix=uuid.uuid4().hex, endpoint=endpoint)
    credentials = S3Credentials(
        access_key_id=server.access_key, secret_access_key=server.secret_key
    )
    return S3Store(address, credentials, checksum=checksum, limits=IMPATIENT)  # type: ignore[arg-type]


def put(store: ObjectStore) -> bool:
    store.put("data/3", BODY[::-1])
    return store.get("data/3") == BODY[::-1]


def get(store: ObjectStore) -> bool:
    return store.get("data/1") == BODY


def get_span(store: ObjectStore) -> bool:
    return store.get("data/1", offset=1_000, length=5_000) == BODY[1_000:6_000]


def stat(store: ObjectStore) -> bool:
    return store.stat("data/1").sha256 == hashlib.sha256(BODY).digest()


def list_all(store: ObjectStore) -> bool:
    return [info.key for info in store.list("")] == ["data/0", "data/1", "data/2"]


def delete(store: ObjectStore) -> bool:
    store.delete("data/1")
    return [info.key for info in store.list("")] == ["data/0", "data/2"]


OPERATIONS: tuple[tuple[Callable[[ObjectStore], bool], str], ...] = (
    (put, "PUT"),
    (get, "GET"),
    (get_span, "GET"),
    (stat, "HEAD"),
    (list_all, "GET"),
    (delete, "DELETE"),
)
EVERYWHERE = (
    (Fault.UNAVAILABLE, StoreThrottled),
    (Fault.RESET, StoreUnreachable),
    (Fault.ANSWER_LOST, StoreUnreachable),
    (Fault.BLACK_HOLE, StoreUnreachable),
)
MATRIX = [
    *((deed, method, fault, error) for deed, method in OPERATIONS for fault, error in EVERYWHERE),
    (get, "GET", Fault.ANSWER_TRUNCATED, StoreUnreachable),
    (get_span, "GET", Fault.ANSWER_TRUNCATED, StoreUnreachable),
    (list_all, "GET", Fault.ANSWER_TRUNCATED, StoreThrottled),  # boto3 takes it for a 500
    (list_all, "GET", Fault.EMPTY_OK, StoreUnreachable),
    (list_all, "GET", Fault.ERROR_IN_OK, StoreThrottled),
    (get_span, "GET", Fault.EMPTY_OK, ObjectCorrupt),
    (get_span, "GET", Fault.ERROR_IN_OK, ObjectCorrupt),
    (put, "PUT", Fault.REQUEST_FLIPPED, ObjectCorrupt),
    (put, "PUT", Fault.ERROR_IN_OK, StoreThrottled),
]
CASES = [pytest.param(*case, id=f"{case[0].__name__}-{case[2].name.lower()}") for case in MATRIX]


@pytest.mark.parametrize(("deed", "method", "fault", "error"), CASES)
def test_a_fault_ends_in_the_right_error(
    store: S3Store,
    line: FaultyProxy,
    deed: Callable[[ObjectStore], bool],
    *,
    method: str,
    fault: Fault,
    error: type[StoreError],
) -> None:
    """Without retries each fault has a type that says whether to try again, and a next step."""
    line.inject(fault, method=method)

    with pytest.raises(StoreError) as caught:
        deed(store)

    assert type(caught.value) is error
    assert caught.value.hint


@pytest.mark.parametrize(("deed", "method", "fault", "error"), CASES)
def test_a_fault_passes_with_a_retry(
    store: S3Store,
    line: FaultyProxy,
    deed: Callable[[ObjectStore], bool],
    *,
    method: str,
    fault: Fault,
    error: type[StoreError],
) -> None:
    """The same operation succeeds when the fault is over, with the right result."""
    once = error is ObjectCorrupt or fault is Fault.BLACK_HOLE
    line.inject(fault, method=method, times=1 if once else 2)

    assert deed(RetryingStore(store, QUICK))


@pytest.mark.parametrize("deed", [deed for deed, _ in OPERATIONS], ids=lambda deed: deed.__name__)
def test_a_refusal_is_not_tried_again(
    store: S3Store, line: FaultyProxy, deed: Callable[[ObjectStore], bool]
) -> None:
    """403 is an answer, not a fault of the line."""
    method = dict(OPERATIONS)[deed]
    line.inject(Fault.FORBIDDEN, method=method, times=5)
    line.requests.clear()

    with pytest.raises(StoreRefused):
        deed(RetryingStore(store, QUICK))

    assert line.requests == [method]


def test_a_short_delay_is_waited_out(store: S3Store, line: FaultyProxy) -> None:
    """An answer that comes within the timeout is a good answer."""
    line.delay = 0.2
    line.inject(Fault.DELAYED, method="GET")

    assert get(store)


def test_a_long_delay_is_a_dead_line(store: S3Store, line: FaultyProxy) -> None:
    """Who does not answer within the timeout is not waited for."""
    line.delay = 3
    line.inject(Fault.DELAYED, method="GET")

    with pytest.raises(StoreUnreachable):
        get(store)


def test_a_line_that_always_flips_stores_nothing(store: S3Store, line: FaultyProxy) -> None:
    """A body that never arrives whole is refused each time, and the old object stays."""
    line.inject(Fault.REQUEST_FLIPPED, method="PUT", times=10)

    with pytest.raises(ObjectCorrupt):
        RetryingStore(store, QUICK).put("data/1", b"new and damaged on its way")
    with pytest.raises(ObjectCorrupt):
        RetryingStore(store, QUICK).put("data/new", b"new and damaged on its way")

    assert store.get("data/1") == BODY
    with pytest.raises(ObjectMissing):
        store.stat("data/new")


@pytest.mark.parametrize("checksum", ["md5", "auto"])
def test_a_store_that_knows_only_md5_refuses_damage_too(
    rclone_server: RcloneServer, checksum: str
) -> None:
    """Where SHA-256 is not compared the Content-MD5 is, and `auto` finds that out."""
    with FaultyProxy(rclone_server.endpoint) as line:
        store = open_store(
            rclone_server, line.endpoint, rclone_server.make_bucket(), checksum=checksum
        )
        store.put("config", b"sound")
        line.inject(Fault.REQUEST_FLIPPED, method="PUT")

        with pytest.raises(ObjectCorrupt):
            store.put("config", b"damaged on its way")

        assert store.get("config") == b"sound"
        store.close()


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.UNAVAILABLE, Fault.FORBIDDEN])
def test_a_trial_that_fails_decides_nothing(
    s3_server: SeaweedServer, line: FaultyProxy, bucket: str, fault: Fault
) -> None:
    """A bad moment at the first put of `auto` does not make a good store an unattested one."""
    store = open_store(s3_server, line.endpoint, bucket, checksum="auto")
    line.inject(fault, method="PUT")

    with pytest.raises(StoreError):
        store.put("config", b"sound")
    receipt = store.put("config", b"sound")

    assert receipt.sha256 == hashlib.sha256(b"sound").digest()
    assert store.attests_sha256
    store.close()


def test_a_flipped_byte_on_the_way_back_is_for_the_caller_to_find(
    store: S3Store, line: FaultyProxy
) -> None:
    """`get` promises the length only; whoever reads a pack compares its SHA-256."""
    line.inject(Fault.ANSWER_FLIPPED, method="GET")

    data = store.get("data/1")

    assert len(data) == len(BODY)
    assert hashlib.sha256(data).digest() != store.stat("data/1").sha256


def test_a_lost_answer_to_a_delete_is_no_failure(store: S3Store, line: FaultyProxy) -> None:
    """The object is gone although nobody was told; asking again succeeds."""
    line.inject(Fault.ANSWER_LOST, method="DELETE")

    RetryingStore(store, QUICK).delete("data/1")

    assert line.requests.count("DELETE") == 2
    with pytest.raises(ObjectMissing):
        store.get("data/1")


def test_an_outage_longer_than_the_budget_is_given_up(store: S3Store, line: FaultyProxy) -> None:
    """The error of the last attempt comes through, with the reason for stopping."""
    line.inject(Fault.UNAVAILABLE, method="GET", times=1_000)
    policy = RetryPolicy(first_delay=0.01, max_delay=0.01, budget=0.2)

    with pytest.raises(StoreThrottled) as caught:
        get(RetryingStore(store, policy))

    assert "no time is left" in caught.value.__notes__[0]


@pytest.fixture
def own_server(tmp_path: Path, s3_server: SeaweedServer) -> Iterator[SeaweedServer]:
    """A server that no other test depends on; `s3_server` is asked for where there is none."""
    with type(s3_server)(tmp_path / "own") as server:
        yield server


def test_a_server_that_comes_back_is_used_again(own_server: SeaweedServer) -> None:
    """The server dies and is started again; a put that began meanwhile succeeds."""
    store = open_store(own_server, own_server.endpoint, own_server.make_bucket())
    store.put("before", BODY)
    own_server.kill()
    with pytest.raises(StoreUnreachable):
        store.get("before")
    revival = threading.Timer(0.3, own_server.restart)
    revival.start()
    patient = RetryPolicy(first_delay=0.1, max_delay=0.3, budget=60, attempts=1_000)

    RetryingStore(store, patient).put("after", BODY)

    revival.join()
    assert store.get("before") == store.get("after") == BODY
    store.close()


def test_a_closed_port_is_unreachable(s3_server: SeaweedServer) -> None:
    """Nobody listens: the error says where, and what to check."""
    store = open_store(s3_server, "http://127.0.0.1:9", "bucket")

    for attempt in (partial(store.get, "x"), partial(store.put, "x", b"")):
        with pytest.raises(StoreUnreachable, match=r"127\.0\.0\.1:9") as caught:
            attempt()
        assert "endpoint" in caught.value.hint
    store.close()
