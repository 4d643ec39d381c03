"""Which checksum a store really works with: tried, not believed.

A store that returns the SHA-256 it was given proves nothing: `rclone serve s3` keeps a wrong one
and repeats it on HEAD. What proves something is that a wrong one is refused. AWS documents
`BadDigest` for that, SeaweedFS 4.48 answers it, MinIO has a code of its own.
"""

import base64
import hashlib
import threading
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from backends.errors import StoreError, StoreRefused
from backends.objectstore.s3_address import ChecksumChoice
from backends.objectstore.s3_errors import client_error, code_of, mapped
from backends.types import Content, Digested

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_DIGEST_LENGTH = 32
#: Answers to a wrong checksum that can only come from comparing it.
COMPARED = frozenset(
    {"BadDigest", "ChecksumMismatch", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
)
_BODY = b"Lapseguard tries whether a wrong SHA-256 is refused."
_WRONG = bytes(_DIGEST_LENGTH)


def sha256_of(data: Content) -> bytes:
    """The SHA-256 of `data` as 32 raw bytes, as it is told or else computed."""
    told = data.sha256 if isinstance(data, Digested) else None
    return hashlib.sha256(data).digest() if told is None else told


def sha256_header(digest: bytes) -> str:
    """A SHA-256 of 32 raw bytes as S3 writes it."""
    return base64.b64encode(digest).decode()


def md5_header(data: Content) -> str:
    """The MD5 of `data` as S3 writes it; against accidents, not against attackers."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def read_sha256(header: str | None) -> bytes | None:
    """The 32 raw bytes of a checksum that a store returned, or None if it is not one.

    Objects uploaded in parts have a checksum of checksums (`…-3`), which is none of the bytes.
    """
    try:
        digest = base64.b64decode(header or "", validate=True)
    except ValueError:
        return None
    return digest if len(digest) == _DIGEST_LENGTH else None


class ChecksumTrial:
    """Decides once whether puts carry a SHA-256 or an MD5, and whether SHA-256s are believed.

    Safe to use from several threads; they wait for one trial.

    Args:
        choice: `auto` to find out, else what the operator says of the store.
        client: For the store.
        bucket: Where to try.
        name: Full name of an object that does not exist.
    """

    def __init__(self, choice: ChecksumChoice, client: "S3Client", bucket: str, name: str) -> None:
        self._client = client
        self._bucket = bucket
        self._name = name
        self._lock = threading.Lock()
        self._verdict = None if choice == "auto" else choice == "sha256"
        #: Whether it is still to be seen that the store returns the SHA-256 of an object.
        self.needs_proof = choice == "auto"

    def works(self) -> bool:
        """Whether the store compares and returns SHA-256s, as far as is known after a trial.

        Raises:
            StoreError: the trial could not be made, e.g. StoreRefused for a read-only key.
        """
        with self._lock:
            if self._verdict is None:
                self._verdict = refuses_wrong_sha256(self._client, self._bucket, self._name)
            return self._verdict

    def is_believed(self) -> bool:
        """Like `works`, where no for lack of a trial is a safe answer."""
        try:
            return self.works()
        except StoreRefused:
            self.settle(works=False)  # this key may not write, so it will never find out
        except StoreError:
            pass  # away or busy: safe, because less is claimed; the next call tries again
        return False

    def settle(self, *, works: bool) -> None:
        """End the trial with what a real object showed."""
        with self._lock:
            self._verdict = works
            self.needs_proof = False


def refuses_wrong_sha256(client: "S3Client", bucket: str, name: str) -> bool:
    """Whether the store compares the SHA-256 it is given; leaves nothing behind.

    Raises:
        StoreError: the trial could not be made.
    """
    doing = f"trying checksums on s3://{bucket}/{name}"
    wrong = sha256_header(_WRONG)
    with mapped(doing):
        try:
            stored = client.put_object(Bucket=bucket, Key=name, Body=_BODY, ChecksumSHA256=wrong)
        except ClientError as error:
            return _was_compared(error, doing)
        remove(client, bucket, name, stored.get("VersionId"))
    return False


def remove(client: "S3Client", bucket: str, name: str, version: str | None) -> None:
    """Delete one object, and not only hide it where the store keeps versions."""
    if version:
        client.delete_object(Bucket=bucket, Key=name, VersionId=version)
    else:
        client.delete_object(Bucket=bucket, Key=name)


def _was_compared(error: ClientError, doing: str) -> bool:
    if code_of(error) in COMPARED:
        return True
    meaning = client_error(error, doing)
    if type(meaning) is StoreError:
        return False  # it takes offence at the header, not at its value
    raise meaning from error
