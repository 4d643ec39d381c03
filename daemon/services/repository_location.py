"""Where a repository is that no settings name: read off a URL, ours or restic's."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from backends.errors import StoreMisconfigured
from backends.objectstore.s3_address import Addressing, S3Address
from daemon.errors import InvalidValue

#: A bucket's part, or a folder.
RepositoryLocation: TypeAlias = S3Address | Path

_FORMS: Final = (
    "Use s3://bucket/prefix, s3:https://host/bucket/prefix, file:///srv/backups or a folder's path."
)
#: Other stores that restic knows; a folder of that name is written as `./rest:…`.
_OTHERS: Final = re.compile(r"(?:rest|sftp|b2|azure|gs|swift|rclone):|[a-z][a-z0-9+.-]*://")
_RESTIC_S3: Final = re.compile(r"(?:(?P<scheme>https?)://)?(?P<host>[^/]+)/(?P<path>.+)")
#: Amazon's own endpoints; their library finds the right one by the region.
_AMAZON: Final = re.compile(
    r"(?:https://)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """What a URL does not say of an S3 store; see `S3Address`."""

    endpoint: str | None = None
    region: str | None = None
    ca_bundle: Path | None = None
    virtual_host: bool = False
    allow_http: bool = False


def parse_location(url: str, options: S3Options) -> RepositoryLocation:
    """Where the repository of a URL is. Pure.

    Args:
        url: `s3://bucket/prefix`; restic's `s3:https://host[:port]/bucket/prefix` and
            `s3:host/bucket`; `file:///path`; restic's `local:path`; or a path.
        options: Of an S3 store; they mean nothing for a folder.

    Raises:
        InvalidValue: none of these forms, or the options cannot be used with it.
    """
    if url.startswith("s3://"):
        return _bucket(url.removeprefix("s3://"), options.endpoint, options)
    if url.startswith("s3:"):
        return _parse_restic_s3(url.removeprefix("s3:"), options)
    return _parse_folder(url)


def _parse_restic_s3(rest: str, options: S3Options) -> S3Address:
    parts = _RESTIC_S3.fullmatch(rest)
    if parts is None:
        raise InvalidValue(f"The URL s3:{rest} names no host and bucket.", hint=_FORMS)
    if options.endpoint is not None:
        raise InvalidValue(
            "The URL names an endpoint, and so does --endpoint.",
            hint="Leave --endpoint out, or write s3://bucket/prefix.",
        )
    endpoint = f"{parts['scheme'] or 'https'}://{parts['host']}"
    return _bucket(parts["path"], endpoint, options)


def _bucket(path: str, endpoint: str | None, options: S3Options) -> S3Address:
    bucket, _, prefix = path.partition("/")
    amazon = _AMAZON.fullmatch(endpoint or "")
    region = amazon["region"] if amazon and amazon["region"] else options.region
    named = {"region": region} if region else {}
    try:
        return S3Address(
            bucket=bucket,
            prefix=re.sub("/+", "/", prefix).strip("/"),
            endpoint=None if amazon else endpoint,
            addressing=Addressing.VIRTUAL if options.virtual_host else Addressing.PATH,
            ca_bundle=str(options.ca_bundle) if options.ca_bundle else None,
            allow_http=options.allow_http,
            **named,
        )
    except StoreMisconfigured as error:
        encrypted = "not encrypted" not in str(error)
        raise InvalidValue(
            f"The repository's URL cannot be used: {error}.",
            hint=_FORMS if encrypted else "Use https, or permit it by --allow-http.",
        ) from error


def _parse_folder(url: str) -> Path:
    if url.startswith("file:"):
        path = url.removeprefix("file:").removeprefix("//")
        if not path.startswith("/"):
            raise InvalidValue(f"The URL {url} names no absolute path.", hint=_FORMS)
        return Path(path)
    path = url.removeprefix("local:")
    if not path or _OTHERS.match(path):
        raise InvalidValue(f"{url!r} is no place that repositories are read from.", hint=_FORMS)
    return Path(path)
