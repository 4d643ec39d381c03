"""Objects in an S3 bucket, of AWS or of anything that speaks its protocol."""

import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from backends.errors import (
    BucketMissing,
    ObjectCorrupt,
    ObjectMissing,
    StoreError,
    StoreRefused,
    StoreUnreachable,
)
from backends.objectstore.findings import Finding
from backends.objectstore.keys import check_key, check_listed_key, check_prefix
from backends.objectstore.s3_address import (
    Addressing,
    ChecksumChoice,
    S3Address,
    S3Credentials,
    S3Limits,
)
from backends.objectstore.s3_checksum import (
    ChecksumTrial,
    md5_header,
    read_sha256,
    sha256_header,
    sha256_of,
)
from backends.objectstore.s3_client import build_client
from backends.objectstore.s3_errors import code_of, mapped, status_of
from backends.objectstore.s3_probe import S3Examination
from backends.objectstore.span import check_reach, check_received, check_span, cut
from backends.types import Content, ObjectInfo

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import (
        HeadObjectOutputTypeDef,
        ListObjectsV2OutputTypeDef,
        PutObjectOutputTypeDef,
    )

__all__ = ["Addressing", "S3Address", "S3Credentials", "S3Limits", "S3Store"]

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_NO_LIMITS = S3Limits()


class S3Store:
    """An object store in a bucket. Implements `ObjectStore`; safe to share between threads.

    Every put carries a checksum that the store compares with what arrived. ETags are never taken
    for one. Only single deletes are sent, never the batch request that many stores lack.

    Args:
        address: See `S3Address`.
        credentials: None for the AWS default chain (environment, profile, instance role).
        checksum: `sha256` or `md5` if the operator knows the store; `auto` finds out with one
            request that a good store refuses (see `s3_checksum`), at the first put or `stat`.
        limits: See `S3Limits`.

    Raises:
        StoreMisconfigured: the endpoint, region, profile or CA bundle cannot be used. Nothing is
            sent before the first call.
    """

    def __init__(
        self,
        address: S3Address,
        credentials: S3Credentials | None = None,
        *,
        checksum: ChecksumChoice = "auto",
        limits: S3Limits = _NO_LIMITS,
    ) -> None:
        self._address = address
        self._bucket = address.bucket
        self._base = f"{address.prefix}/" if address.prefix else ""
        self._client = build_client(address, credentials, limits)
        trial = self._name(f"lapseguard-checksum-trial-{secrets.token_hex(8)}")
        self._checksum = ChecksumTrial(checksum, self._client, self._bucket, trial)

    @property
    def url(self) -> str:
        """See `ObjectStore.url`."""
        return self._address.url

    @property
    def attests_sha256(self) -> bool:
        """See `ObjectStore.attests_sha256`; in doubt False. May send the trial of `auto`."""
        return self._checksum.is_believed()

    def put(self, key: str, data: Content) -> ObjectInfo:
        """See `ObjectStore.put`."""
        name = self._name(key)
        if not self._checksum.works():
            return self._put_with_md5(key, name, data)
        digest = sha256_of(data)
        with self._mapped("writing", key):
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=data,  # type: ignore[arg-type] # the stubs know of no bytearray
                ChecksumSHA256=sha256_header(digest),
            )
        return self._confirm(key, len(data), digest, answer)

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`; that the bytes are the right ones is for the caller to check."""
        check_span(offset, length)
        if length == 0:
            check_reach(key, self.stat(key).size, offset, length)
            return b""
        if offset == 0 and length is None:
            return self._get_whole(key)
        return self._get_span(key, offset, length)

    def stat(self, key: str) -> ObjectInfo:
        """See `ObjectStore.stat`; `sha256` only from a store that was seen comparing it."""
        head = self._head(key)
        attested = read_sha256(head.get("ChecksumSHA256"))
        return ObjectInfo(
            key=key,
            size=head["ContentLength"],
            sha256=attested if attested and self._checksum.is_believed() else None,
            version_id=_version(head.get("VersionId")),
            modified=head["LastModified"].astimezone(UTC),
        )

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`.

        All pages are fetched before the first object is given: a listing is complete or an
        error, and not every store sorts (SeaweedFS lists folder by folder).
        """
        start = f"{self._base}{check_prefix(prefix)}"
        found: list[ObjectInfo] = []
        token: str | None = None
        while True:
            page = self._list_page(start, token)
            found += self._read_page(page, start)
            token = _next_token(page, token, self.url)
            if token is None:
                return iter(sorted(found, key=lambda info: info.key))

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`; where the bucket keeps versions it keeps the old one."""
        with self._mapped("deleting", key):
            try:
                self._client.delete_object(Bucket=self._bucket, Key=self._name(key))
            except ClientError as error:
                if code_of(error) != "NoSuchKey":
                    raise

    def close(self) -> None:
        """See `ObjectStore.close`."""
        self._client.close()

    def examine(self, scratch: str) -> Iterator[Finding]:
        """See `findings.Examinable.examine`."""
        return self._examination().findings(self._name(scratch))

    def erase(self, scratch: str) -> str:
        """See `findings.Examinable.erase`."""
        return self._examination().erase(self._name(scratch))

    def _examination(self) -> S3Examination:
        return S3Examination(self._client, self._bucket)

    def _name(self, key: str) -> str:
        return f"{self._base}{check_key(key)}"

    def _mapped(self, doing: str, key: str) -> AbstractContextManager[None]:
        return mapped(f"{doing} {self.url}/{key}")

    def _put_with_md5(self, key: str, name: str, data: Content) -> ObjectInfo:
        with self._mapped("writing", key):
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=data,  # type: ignore[arg-type] # likewise
                ContentMD5=md5_header(data),
            )
        if not answer.get("ETag"):  # not what a store says; something in between answered
            check_received(key, self.stat(key).size, len(data))
        return ObjectInfo(key=key, size=len(data), version_id=_version(answer.get("VersionId")))

    def _confirm(
        self, key: str, size: int, digest: bytes, answer: "PutObjectOutputTypeDef"
    ) -> ObjectInfo:
        """What a put with SHA-256 has proven; the first one of `auto` asks back."""
        attested = read_sha256(answer.get("ChecksumSHA256"))
        if attested is None or self._checksum.needs_proof:
            attested = read_sha256(self._head(key).get("ChecksumSHA256"))
            if self._checksum.needs_proof:
                self._checksum.settle(works=attested is not None)
        if attested not in {None, digest}:
            raise ObjectCorrupt(f"{self.url}/{key}: the store has another SHA-256 than was sent")
        version = _version(answer.get("VersionId"))
        return ObjectInfo(key=key, size=size, sha256=attested, version_id=version)

    def _get_whole(self, key: str) -> bytes:
        with self._mapped("reading", key):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._name(key))
            with answer["Body"] as body:
                data = body.read()
        check_received(key, len(data), answer["ContentLength"])
        return data

    def _get_span(self, key: str, offset: int, length: int | None) -> bytes:
        last = "" if length is None else offset + length - 1
        with self._mapped("reading", key):
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._name(key), Range=f"bytes={offset}-{last}"
                )
            except ClientError as error:
                if status_of(error) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    return self._get_nothing(key, offset, length)
                raise
            with answer["Body"] as body:
                data = body.read()
        if not answer.get("ContentRange"):  # the store ignores ranges and sent everything
            return cut(key, data, offset, length)
        _check_span_start(key, answer["ContentRange"], offset)
        check_received(key, len(data), answer["ContentLength"] if length is None else length)
        return data

    def _get_nothing(self, key: str, offset: int, length: int | None) -> bytes:
        """The span behind the last byte: empty if the object ends there, else damage."""
        check_reach(key, self.stat(key).size, offset, length)
        if length is not None:
            raise ObjectCorrupt(f"{key}: the store refuses a range that the object has")
        return b""

    def _head(self, key: str) -> "HeadObjectOutputTypeDef":
        try:
            with self._mapped("looking at", key):
                return self._client.head_object(
                    Bucket=self._bucket, Key=self._name(key), ChecksumMode="ENABLED"
                )
        except ObjectMissing:
            self._check_bucket()
            raise

    def _check_bucket(self) -> None:
        """HEAD answers 404 for a missing object and for a missing bucket: tell them apart."""
        try:
            with mapped(f"looking for {self.url}"):
                self._client.head_bucket(Bucket=self._bucket)
        except ObjectMissing as error:
            raise BucketMissing(f"the bucket {self._bucket} does not exist") from error
        except StoreRefused:
            pass  # safe: who may not see the bucket still knows that the object is missing

    def _list_page(self, start: str, token: str | None) -> "ListObjectsV2OutputTypeDef":
        with mapped(f"listing {self.url}"):
            if token is None:
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=start)
            else:
                page = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=start, ContinuationToken=token
                )
        if "IsTruncated" not in page:
            # An empty answer parses as an empty listing, and that would look like no backups.
            raise StoreUnreachable(f"listing {self.url}: the answer is not a listing")
        return page

    def _read_page(self, page: "ListObjectsV2OutputTypeDef", start: str) -> Iterator[ObjectInfo]:
        for item in page.get("Contents", []):
            name, size = item["Key"], item["Size"]
            if not name.startswith(start):
                raise StoreError(f"{self.url} lists {name!a}, which was not asked for")
            if size == 0 and (name.endswith("/") or name == self._base):
                continue  # a marker by which web consoles show a folder; it holds nothing
            key = check_listed_key(name.removeprefix(self._base), self.url)
            yield ObjectInfo(key=key, size=size, modified=item["LastModified"].astimezone(UTC))


def _next_token(page: "ListObjectsV2OutputTypeDef", last: str | None, url: str) -> str | None:
    """Where the next page begins, or None after the last one; no page is ever skipped."""
    if not page["IsTruncated"]:
        return None
    token = page.get("NextContinuationToken")
    if not token or token == last:
        raise StoreError(f"listing {url}: the store says there is more but not where")
    return token


def _version(version_id: str | None) -> str | None:
    """`null` is what stores say of objects in buckets that keep no versions."""
    return None if version_id == "null" else version_id


def _check_span_start(key: str, content_range: str, offset: int) -> None:
    match = _CONTENT_RANGE.fullmatch(content_range)
    if not match or int(match[1]) != offset:
        raise ObjectCorrupt(f"{key}: asked for bytes from {offset}, got {content_range!a}")
