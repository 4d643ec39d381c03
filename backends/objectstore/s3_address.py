"""Where an S3 bucket is, who asks, and within which limits; nothing here loads boto3."""

import enum
import ipaddress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from backends.errors import KeyInvalid, StoreMisconfigured
from backends.objectstore.keys import check_key

#: Which checksum guards a body on its way; see `S3Store`.
ChecksumChoice = Literal["sha256", "md5", "auto"]

_HTTPS = "Use an https:// endpoint; plain http is for loopback, or when allowed explicitly."


class Addressing(enum.Enum):
    """Where a request names its bucket."""

    PATH = "path"  # https://host/bucket/key: works with every store
    VIRTUAL = "virtual"  # https://bucket.host/key: what some providers insist on


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Address:
    """One bucket, and the part of it that is ours.

    Attributes:
        bucket: Its name.
        prefix: What all our keys start with, without the joining `/`; empty for the whole bucket.
        endpoint: URL of the service, or None for AWS itself.
        region: As the provider calls it.
        addressing: See `Addressing`.
        ca_bundle: PEM file of the authorities to trust instead of the system's.
        allow_http: Permit an unencrypted endpoint that is not on this machine. Contents are
            sealed by the repository anyway; names, sizes and the access key's name are not.

    Raises:
        StoreMisconfigured: no bucket, a prefix that is no valid key, or a bad endpoint.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    addressing: Addressing = Addressing.PATH
    ca_bundle: str | None = None
    allow_http: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work before anything is sent."""
        if not self.bucket or "/" in self.bucket:
            raise StoreMisconfigured(f"{self.bucket!r} is not the name of a bucket")
        if self.prefix:
            _check_prefix(self.prefix)
        if self.endpoint is not None:
            _check_endpoint(self.endpoint, allow_http=self.allow_http)

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`, as the settings write it."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Credentials:
    """One access key. Its representation shows the key's name and never the secrets."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Limits:
    """How hard one client tries before `RetryingStore` takes over.

    Attributes:
        workers: Threads that use the store at once; sizes the connection pool.
        connect_timeout: Seconds for a connection to come about.
        read_timeout: Seconds without a byte from the store.
        attempts: Tries for each request, a second or so apart.
    """

    workers: int = 12
    connect_timeout: float = 10
    read_timeout: float = 60
    attempts: int = 4


def _check_prefix(prefix: str) -> None:
    try:
        check_key(prefix)
    except KeyInvalid as error:
        raise StoreMisconfigured(f"the prefix of the bucket is not usable: {error}") from error


def _check_endpoint(endpoint: str, *, allow_http: bool) -> None:
    parts = _split(endpoint)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise StoreMisconfigured(f"the endpoint {endpoint!r} is not an http(s) URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        # The URL goes into reports, so it is not repeated here.
        raise StoreMisconfigured(f"the endpoint at {parts.hostname} carries more than an address")
    if parts.scheme == "http" and not (allow_http or _is_loopback(parts.hostname)):
        raise StoreMisconfigured(f"the endpoint {endpoint} is not encrypted", hint=_HTTPS)


def _split(endpoint: str) -> SplitResult:
    try:
        parts = urlsplit(endpoint)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise StoreMisconfigured(f"the endpoint is not a URL: {error}") from error
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
