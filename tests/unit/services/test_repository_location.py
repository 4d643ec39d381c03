"""The URL of a repository, in our form or restic's, says where it is."""

from pathlib import Path

import pytest

from backends.objectstore.s3_address import Addressing, S3Address
from daemon.errors import InvalidValue
from daemon.services.repository_location import S3Options, parse_location

NOTHING = S3Options()
MINIO = "https://minio.example:9000"


@pytest.mark.parametrize(
    ("url", "options", "address"),
    [
        ("s3://b", NOTHING, S3Address(bucket="b")),
        ("s3://b/", NOTHING, S3Address(bucket="b")),
        ("s3://b/fleet/web-1/", NOTHING, S3Address(bucket="b", prefix="fleet/web-1")),
        (
            "s3://b/p",
            S3Options(endpoint=MINIO, region="eu-1"),
            S3Address(bucket="b", prefix="p", endpoint=MINIO, region="eu-1"),
        ),
        (f"s3:{MINIO}/b/p", NOTHING, S3Address(bucket="b", prefix="p", endpoint=MINIO)),
        ("s3:minio.example:9000/b", NOTHING, S3Address(bucket="b", endpoint=MINIO)),
        (f"s3:{MINIO}/b//p///q/", NOTHING, S3Address(bucket="b", prefix="p/q", endpoint=MINIO)),
        (
            "s3:http://minio.example:9000/b",
            S3Options(allow_http=True),
            S3Address(bucket="b", endpoint="http://minio.example:9000", allow_http=True),
        ),
        (
            f"s3:{MINIO}/b",
            S3Options(ca_bundle=Path("/ca.pem"), virtual_host=True),
            S3Address(
                bucket="b", endpoint=MINIO, ca_bundle="/ca.pem", addressing=Addressing.VIRTUAL
            ),
        ),
    ],
)
def test_a_bucket_is_read_off_every_form(url: str, options: S3Options, address: S3Address) -> None:
    assert parse_location(url, options) == address


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("s3.amazonaws.com", "us-west-1"),
        ("https://s3.amazonaws.com", "us-west-1"),
        ("s3.eu-central-1.amazonaws.com", "eu-central-1"),
        ("s3-eu-west-2.amazonaws.com", "eu-west-2"),
        ("s3.dualstack.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ],
)
def test_amazon_is_left_to_its_own_library_in_the_region_that_the_host_names(
    host: str, region: str
) -> None:
    """The region of the environment counts only where the URL has none."""
    found = parse_location(f"s3:{host}/b/p", S3Options(region="us-west-1"))
    assert found == S3Address(bucket="b", prefix="p", region=region)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/srv/backups", "/srv/backups"),
        ("backups/web-1", "backups/web-1"),
        ("file:///srv/with space#1?", "/srv/with space#1?"),
        ("file:/srv", "/srv"),
        ("local:/srv", "/srv"),
        ("local:relative", "relative"),
        ("./rest:oddly named", "rest:oddly named"),
    ],
)
def test_a_folder_is_read_off_every_form(url: str, path: str) -> None:
    assert parse_location(url, NOTHING) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        *("", "file://host/srv", "file:srv", "rest:https://h/", "sftp:u@h:/srv", "b2:bucket"),
        *("rclone:remote:x", "https://h/b", "ftp://h/b", "s3:", "s3:host", "s3:host/", "s3://"),
        *("s3:ftp://h/b", "s3:https:///b", "s3://b/../x", "s3:https://user:key@h/b"),
    ],
)
def test_what_is_no_repository_s_url_is_refused_with_the_forms_that_are(url: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_location(url, NOTHING)
    assert "s3://bucket/prefix" in refused.value.hint


def test_an_unencrypted_endpoint_elsewhere_needs_permission() -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_location("s3:http://minio.example/b", NOTHING)
    assert "--allow-http" in refused.value.hint
    assert parse_location("s3:http://127.0.0.1:9000/b", NOTHING)


def test_an_endpoint_is_given_once() -> None:
    with pytest.raises(InvalidValue, match="--endpoint"):
        parse_location(f"s3:{MINIO}/b", S3Options(endpoint=MINIO))
