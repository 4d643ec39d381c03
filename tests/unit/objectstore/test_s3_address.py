"""Which addresses are accepted, and that credentials do not show."""

import pytest

from backends.errors import StoreMisconfigured
from backends.objectstore.s3_address import S3Address, S3Credentials


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        "https://s3.example.net",
        "https://project.example.net/storage/v1/s3",
        "http://127.0.0.1:8333",
        "http://[::1]:8333",
        "http://localhost:9000",
    ],
)
def test_a_usable_endpoint(endpoint: str | None) -> None:
    """Anything encrypted is fine, and plain http on this very machine."""
    assert S3Address(bucket="b", endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://s3.example.net", "not encrypted"),
        ("http://192.0.2.7:9000", "not encrypted"),
        ("ftp://s3.example.net", "not an http"),
        ("s3.example.net", "not an http"),
        ("https://", "not an http"),
        ("https://host:port", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://key:hunter2@s3.example.net", "more than an address"),
        ("https://s3.example.net/?x=1", "more than an address"),
    ],
)
def test_an_unusable_endpoint_is_refused_before_anything_is_sent(
    endpoint: str, reason: str
) -> None:
    """The message says what is wrong and repeats no secret."""
    with pytest.raises(StoreMisconfigured, match=reason) as caught:
        S3Address(bucket="b", endpoint=endpoint)

    assert "hunter2" not in str(caught.value)


def test_plain_http_elsewhere_has_to_be_allowed() -> None:
    """Who says so explicitly gets it."""
    assert S3Address(bucket="b", endpoint="http://nas.lan:9000", allow_http=True)


@pytest.mark.parametrize("bucket", ["", "bucket/prefix"])
def test_a_bucket_needs_a_name(bucket: str) -> None:
    """A prefix in the bucket's place is noticed."""
    with pytest.raises(StoreMisconfigured, match="bucket"):
        S3Address(bucket=bucket)


@pytest.mark.parametrize("prefix", ["/fleet", "fleet/", "a//b", "../b"])
def test_a_prefix_is_a_key(prefix: str) -> None:
    """A prefix that could hide or move objects is refused."""
    with pytest.raises(StoreMisconfigured, match="prefix"):
        S3Address(bucket="b", prefix=prefix)


def test_the_url_is_what_the_settings_say() -> None:
    """With and without a prefix."""
    assert S3Address(bucket="b").url == "s3://b"
    assert S3Address(bucket="b", prefix="fleet/web").url == "s3://b/fleet/web"


def test_credentials_show_only_the_name_of_the_key() -> None:
    """Printing a credential by accident gives nothing away."""
    shown = repr(
        S3Credentials(access_key_id="AKIA", secret_access_key="hunter2", session_token="hunter3")  # noqa: S106
    )

    assert "AKIA" in shown
    assert "hunter" not in shown
