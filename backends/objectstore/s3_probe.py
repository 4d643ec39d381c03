"""What can only be found out about a store by speaking S3 to it."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from backends.errors import StoreError
from backends.objectstore.findings import Check, Finding, Outcome
from backends.objectstore.s3_checksum import (
    COMPARED,
    md5_header,
    read_sha256,
    refuses_wrong_sha256,
    remove,
    sha256_header,
)
from backends.objectstore.s3_errors import code_of, mapped, status_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_BODY = b"Lapseguard tries out what this store does."
_OTHER = b"Not what is sent."
_NOT_OFFERED = frozenset({"NotImplemented", "MethodNotAllowed"})
_PRECONDITION = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
#: Seconds by which clocks may differ; S3 refuses requests beyond 900.
TOLERATED_SKEW = 60


#: What a check saw: its outcome and the detail of its finding.
_Seen = tuple[Outcome, str]
_Look = Callable[[str], _Seen]


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class S3Examination:
    """The S3 part of `probe_store`.

    Args:
        client: For the store.
        bucket: Where.
        now: This machine's clock.
    """

    def __init__(
        self, client: "S3Client", bucket: str, now: Callable[[], datetime] = _wall_clock
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._now = now

    def findings(self, scratch: str) -> Iterator[Finding]:
        """See `findings.Examinable.examine`; `scratch` includes the store's prefix."""
        yield self._tried(Check.WRONG_MD5_REFUSED, self._check_md5, scratch)
        yield self._tried(Check.WRONG_SHA256_REFUSED, self._check_sha256, scratch)
        yield self._tried(Check.ATTESTS_SHA256, self._check_attestation, scratch)
        yield self._tried(Check.CONDITIONAL_PUT, self._check_conditional_put, scratch)
        yield self._tried(Check.VERSIONING, self._check_versioning, scratch)
        yield self._tried(Check.OBJECT_LOCK, self._check_object_lock, scratch)
        yield self._tried(Check.CLOCK, self._check_clock, scratch)

    def erase(self, scratch: str) -> str:
        """See `findings.Examinable.erase`."""
        try:
            with mapped("listing versions"):
                left = sum(not self._removed(*each) for each in self._versions(scratch))
        except StoreError as error:
            return f"old versions may stay: {error}"
        return f"{left} locked versions stay until their lock ends" if left else ""

    def _tried(self, check: Check, look: _Look, scratch: str) -> Finding:
        try:
            with mapped("probing"):
                outcome, detail = look(f"{scratch}-{check.name.lower()}")
        except StoreError as error:
            outcome, detail = Outcome.UNKNOWN, str(error)
        return Finding(check=check, outcome=outcome, detail=detail)

    def _check_md5(self, name: str) -> _Seen:
        return _refusal(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=name, Body=_BODY, ContentMD5=md5_header(_OTHER)
            )
        )

    def _check_sha256(self, name: str) -> _Seen:
        return _refusal(
            lambda: self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=_BODY,
                ChecksumSHA256=sha256_header(_sha256(_OTHER)),
            )
        )

    def _check_attestation(self, name: str) -> _Seen:
        self._client.put_object(
            Bucket=self._bucket,
            Key=name,
            Body=_BODY,
            ChecksumSHA256=sha256_header(_sha256(_BODY)),
        )
        head = self._client.head_object(Bucket=self._bucket, Key=name, ChecksumMode="ENABLED")
        returned = read_sha256(head.get("ChecksumSHA256"))
        if returned != _sha256(_BODY):
            return Outcome.NO, "the store returns another SHA-256" if returned else "it keeps none"
        if not refuses_wrong_sha256(self._client, self._bucket, name):
            return Outcome.NO, "the store repeats any SHA-256 it is told, right or wrong"
        return Outcome.YES, ""

    def _check_conditional_put(self, name: str) -> _Seen:
        try:
            for body in (_BODY, _OTHER):
                self._client.put_object(Bucket=self._bucket, Key=name, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) in _PRECONDITION:
                return Outcome.YES, ""
            return _not_offered(error)
        return Outcome.NO, "`If-None-Match: *` is ignored, the object was replaced"

    def _check_versioning(self, name: str) -> _Seen:
        stored = self._client.put_object(Bucket=self._bucket, Key=name, Body=_BODY)
        if stored.get("VersionId") not in {None, "null"}:
            return Outcome.YES, ""
        return Outcome.NO, "a put returns no version id"

    def _check_object_lock(self, _name: str) -> _Seen:
        try:
            answer = self._client.get_object_lock_configuration(Bucket=self._bucket)
        except ClientError as error:
            if code_of(error) == "ObjectLockConfigurationNotFoundError":
                return Outcome.NO, "the bucket was made without object lock"
            return _not_offered(error)
        lock = answer.get("ObjectLockConfiguration", {})
        if lock.get("ObjectLockEnabled") != "Enabled":
            return Outcome.NO, "the bucket has no object lock"
        retention = lock.get("Rule", {}).get("DefaultRetention", {})
        return Outcome.YES, f"default mode {retention.get('Mode', 'not set')}"

    def _check_clock(self, name: str) -> _Seen:
        before = self._now()
        answer = self._client.put_object(Bucket=self._bucket, Key=name, Body=_BODY)
        middle = before + (self._now() - before) / 2
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is None:
            return Outcome.UNKNOWN, "the store sends no date"
        return _judge_skew((parsedate_to_datetime(date) - middle).total_seconds())

    def _versions(self, scratch: str) -> Iterator[tuple[str, str]]:
        pages = self._client.get_paginator("list_object_versions")
        try:
            for page in pages.paginate(Bucket=self._bucket, Prefix=scratch):
                for each in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                    yield each["Key"], each["VersionId"]
        except ClientError as error:
            _not_offered(error)  # a store without versions has nothing to erase

    def _removed(self, name: str, version: str) -> bool:
        try:
            remove(self._client, self._bucket, name, version)
        except ClientError as error:
            if status_of(error) != HTTPStatus.FORBIDDEN:
                raise
            return False
        return True


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _refusal(put: Callable[[], object]) -> _Seen:
    """Whether a put with a wrong checksum is refused for that reason."""
    try:
        put()
    except ClientError as error:
        if code_of(error) in COMPARED:
            return Outcome.YES, ""
        return _not_offered(error)
    return Outcome.NO, "a body that does not fit its checksum was stored"


def _not_offered(error: ClientError) -> _Seen:
    """No, if the store says that it lacks the feature; any other failure is passed on."""
    if code_of(error) in _NOT_OFFERED or status_of(error) == HTTPStatus.NOT_IMPLEMENTED:
        return Outcome.NO, "the store says that it does not offer this"
    raise error


def _judge_skew(seconds: float) -> _Seen:
    if abs(seconds) <= TOLERATED_SKEW:
        return Outcome.YES, f"within {TOLERATED_SKEW} s"
    return Outcome.NO, f"the store is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}"
