"""The S3 store with real servers: credentials, checksums, versions, listings, TLS."""

import hashlib
import ipaddress
import ssl
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backends.errors import (
    KeyInvalid,
    ObjectCorrupt,
    ObjectMissing,
    StoreMisconfigured,
    StoreRefused,
    StoreUnreachable,
)
from backends.objectstore.s3 import Addressing, S3Address, S3Credentials, S3Limits, S3Store
from backends.objectstore.s3_checksum import sha256_header
from backends.types import Digested
from tests.parts.faulty_proxy import FaultyProxy
from tests.parts.object_servers import READER_KEY, RcloneServer, S3Server, SeaweedServer

BODY = b"what a pack might hold" * 100
SHA256 = hashlib.sha256(BODY).digest()
ONCE = S3Limits(attempts=1, connect_timeout=2, read_timeout=10)
Open = Callable[..., S3Store]


@pytest.fixture
def open_store() -> Iterator[Open]:
    """Opens stores, by default with the server's own key, and closes them at the end."""
    opened: list[S3Store] = []

    def build(server: S3Server, bucket: str, **options: str | None) -> S3Store:
        access_key = options.pop("access_key", server.access_key)
        secret = options.pop("secret", server.secret_key)
        checksum = options.pop("checksum", "auto")
        options = {"endpoint": server.endpoint, "prefix": uuid.uuid4().hex, **options}
        credentials = access_key and S3Credentials(
            access_key_id=access_key, secret_access_key=secret or ""
        )
        store = S3Store(
            S3Address(bucket=bucket, **options),  # type: ignore[arg-type]
            credentials or None,
            checksum=checksum,  # type: ignore[arg-type]
            limits=ONCE,
        )
        opened.append(store)
        return store

    yield build
    for store in opened:
        store.close()


@pytest.fixture(scope="module")
def bucket(s3_server: SeaweedServer) -> str:
    return s3_server.make_bucket()


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"access_key": "AKNOBODY"}, "does not know this access key"),
        ({"secret": "not-the-secret"}, "secret does not fit"),
    ],
    ids=["key", "secret"],
)
def test_wrong_credentials_are_told_apart(
    s3_server: SeaweedServer, bucket: str, open_store: Open, wrong: dict[str, str], hint: str
) -> None:
    """The next step depends on whether the key or its secret is wrong."""
    store = open_store(s3_server, bucket, **wrong)

    for attempt in (lambda: list(store.list("")), lambda: store.put("config", BODY)):
        with pytest.raises(StoreRefused) as caught:
            attempt()
        assert hint in caught.value.hint
    assert "not-the-secret" not in str(caught.value)


def test_a_refused_stat_does_not_pretend_to_know_why(
    s3_server: SeaweedServer, bucket: str, open_store: Open
) -> None:
    """HEAD is answered without a reason, and the hint says so."""
    with pytest.raises(StoreRefused) as caught:
        open_store(s3_server, bucket, secret="wrong").stat("config")  # noqa: S106

    assert "does not say which" in caught.value.hint


def test_without_credentials_the_aws_chain_is_asked(
    s3_server: SeaweedServer, bucket: str, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, profile and so on give the key; none of them is an error of its own."""
    store = open_store(s3_server, bucket, access_key=None)
    with pytest.raises(StoreRefused, match="credentials") as caught:
        store.put("config", BODY)
    assert "access_key_id_file" in caught.value.hint

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    store = open_store(s3_server, bucket, access_key=None)
    store.put("config", BODY)

    assert store.get("config") == BODY


def test_the_environment_cannot_send_backups_elsewhere(
    s3_server: SeaweedServer, bucket: str, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the settings say where the store is."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")

    assert open_store(s3_server, bucket).put("config", BODY).size == len(BODY)


def test_a_good_store_is_found_out_without_a_trace(
    s3_server: SeaweedServer, open_store: Open
) -> None:
    """`auto` learns from a refused put; what a HEAD returns is believed from then on."""
    bucket = s3_server.make_bucket()
    s3_server.client().put_object(
        Bucket=bucket, Key="old", Body=BODY, ChecksumSHA256=sha256_header(SHA256)
    )
    store = open_store(s3_server, bucket, prefix="")

    assert store.stat("old").sha256 == SHA256
    assert store.attests_sha256
    assert store.put("new", BODY).sha256 == SHA256
    assert [info.key for info in store.list("")] == ["new", "old"]


def test_content_that_was_altered_since_it_was_hashed_is_not_taken(
    s3_server: SeaweedServer, bucket: str, open_store: Open
) -> None:
    """A told SHA-256 is what the store compares, and what it then has."""
    store = open_store(s3_server, bucket)
    content = Digested(BODY, SHA256)
    assert store.put("data/sound", content).sha256 == SHA256
    content[7] ^= 1

    with pytest.raises(ObjectCorrupt):
        store.put("data/altered", content)
    with pytest.raises(ObjectMissing):
        store.stat("data/altered")


def test_a_parrot_is_not_believed(rclone_server: RcloneServer, open_store: Open) -> None:
    """A store that repeats any checksum attests none, and its puts carry an MD5 instead."""
    bucket = rclone_server.make_bucket()
    rclone_server.client().put_object(
        Bucket=bucket, Key="lie", Body=BODY, ChecksumSHA256=sha256_header(bytes(32))
    )
    store = open_store(rclone_server, bucket, prefix="")

    assert store.stat("lie").sha256 is None
    assert not store.attests_sha256
    assert store.put("new", BODY).sha256 is None
    assert [info.key for info in store.list("")] == ["lie", "new"]


def test_a_key_that_may_only_read_attests_nothing(
    s3_server: SeaweedServer, bucket: str, open_store: Open
) -> None:
    """Without a trial no checksum is believed; reading goes on."""
    open_store(s3_server, bucket, prefix="shared").put("config", BODY)
    reader = open_store(s3_server, bucket, prefix="shared", access_key=READER_KEY)

    assert reader.get("config") == BODY
    assert reader.stat("config").sha256 is None
    assert not reader.attests_sha256
    with pytest.raises(StoreRefused):
        reader.put("config", BODY)


@pytest.mark.parametrize(
    ("checksum", "first", "later"),
    [
        ("sha256", ["PUT"], ["PUT"]),
        ("md5", ["PUT"], ["PUT"]),
        ("auto", ["PUT", "PUT", "HEAD"], ["PUT"]),
    ],
)
def test_finding_out_costs_two_requests_once(
    s3_server: SeaweedServer,
    bucket: str,
    open_store: Open,
    *,
    checksum: str,
    first: list[str],
    later: list[str],
) -> None:
    """One put that must be refused and one question for the first object, nothing later."""
    with FaultyProxy(s3_server.endpoint) as line:
        store = open_store(s3_server, bucket, endpoint=line.endpoint, checksum=checksum)

        store.put("data/1", BODY)
        assert line.requests == first
        line.clear()
        store.put("data/2", BODY)
        assert line.requests == later


def test_a_versioned_bucket_names_the_version(s3_server: SeaweedServer, open_store: Open) -> None:
    """The version of a receipt brings back exactly those bytes after an overwrite and a delete."""
    bucket = s3_server.make_bucket(versioned=True)
    store = open_store(s3_server, bucket, prefix="fleet")

    first = store.put("config", BODY)
    second = store.put("config", b"overwritten by somebody")
    store.delete("config")

    assert first.version_id
    assert second.version_id != first.version_id
    kept = s3_server.client().get_object(
        Bucket=bucket, Key="fleet/config", VersionId=first.version_id
    )
    assert kept["Body"].read() == BODY
    assert list(store.list("")) == []


def test_a_prefix_is_a_folder_of_its_own(
    s3_server: SeaweedServer, bucket: str, open_store: Open
) -> None:
    """Neighbours whose prefix begins alike do not see each other's objects."""
    web, web2 = (open_store(s3_server, bucket, prefix=name) for name in ("pair/web", "pair/web2"))
    web.put("config", b"1")
    web2.put("config", b"2")

    assert [info.key for info in web.list("")] == ["config"]
    assert web.get("config") == b"1"
    assert web.url == f"s3://{bucket}/pair/web"


def test_folders_made_in_a_web_console_do_no_harm(
    s3_server: SeaweedServer, open_store: Open
) -> None:
    """The empty markers that consoles write are not objects of ours."""
    bucket = s3_server.make_bucket()
    store = open_store(s3_server, bucket, prefix="fleet")
    store.put("data/1", BODY)
    for marker in ("fleet/", "fleet/data/"):
        s3_server.client().put_object(Bucket=bucket, Key=marker, Body=b"")
    listed = s3_server.client().list_objects_v2(Bucket=bucket)["Contents"]
    assert "fleet/data/" in [item["Key"] for item in listed]

    assert [info.key for info in store.list("")] == ["data/1"]


def test_a_foreign_object_is_named(s3_server: SeaweedServer, bucket: str, open_store: Open) -> None:
    """A name that could not be ours is an error that says what to do, never an object."""
    store = open_store(s3_server, bucket, prefix="foreign")
    name = "foreign/caf\N{LATIN SMALL LETTER E WITH ACUTE}.txt"
    s3_server.client().put_object(Bucket=bucket, Key=name, Body=b"hello")

    with pytest.raises(KeyInvalid, match=r"caf\\xe9\.txt") as caught:
        list(store.list(""))

    assert "move the object" in caught.value.hint


def test_virtual_addressing_puts_the_bucket_into_the_host() -> None:
    """Providers that insist on it get it; seen in where the store tries to connect."""
    address = S3Address(
        bucket="fleet", endpoint="http://localhost:9", addressing=Addressing.VIRTUAL
    )
    credentials = S3Credentials(access_key_id="AK", secret_access_key="none")  # noqa: S106
    store = S3Store(address, credentials, checksum="md5", limits=ONCE)

    with pytest.raises(StoreUnreachable, match=r"http://fleet\.localhost:9/config"):
        store.get("config")
    store.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store of tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_a_private_authority_is_trusted_only_when_named(
    s3_server: SeaweedServer, bucket: str, open_store: Open, authority: Path
) -> None:
    """With `ca_bundle` the store works over TLS; without it nothing is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with FaultyProxy(s3_server.endpoint, context) as line:
        trusting = open_store(
            s3_server, bucket, endpoint=line.endpoint, ca_bundle=str(authority), checksum="md5"
        )
        trusting.put("config", BODY)
        assert trusting.get("config") == BODY

        wary = open_store(s3_server, bucket, endpoint=line.endpoint, checksum="md5")
        line.clear()
        with pytest.raises(StoreUnreachable) as caught:
            wary.put("config", BODY)
        assert "ca_bundle" in caught.value.hint
        assert line.requests == []


def test_a_missing_ca_bundle_is_told_before_anything_is_sent(
    s3_server: SeaweedServer, bucket: str, open_store: Open, tmp_path: Path
) -> None:
    """A wrong path is a matter of settings, not of the line."""
    with pytest.raises(StoreMisconfigured, match="CA bundle"):
        open_store(s3_server, bucket, ca_bundle=str(tmp_path / "absent.pem"))
