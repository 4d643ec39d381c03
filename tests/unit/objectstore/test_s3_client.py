"""How the client is set up; nothing is sent."""

import pytest

from backends.errors import StoreError, StoreMisconfigured
from backends.objectstore.s3_address import S3Address, S3Credentials, S3Limits
from backends.objectstore.s3_client import build_client

CREDENTIALS = S3Credentials(access_key_id="AK", secret_access_key="none")  # noqa: S106 - not one


def test_without_an_endpoint_it_is_aws_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A variable left over in a shell does not redirect backups."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")

    client = build_client(S3Address(bucket="b"), CREDENTIALS, S3Limits())

    assert client.meta.endpoint_url.endswith(".amazonaws.com")
    client.close()


def test_limits_reach_the_client() -> None:
    """Workers size the pool; timeouts and attempts are the caller's."""
    limits = S3Limits(workers=7, connect_timeout=3, read_timeout=4, attempts=2)

    client = build_client(S3Address(bucket="b", endpoint="https://s3.test"), CREDENTIALS, limits)

    config = client.meta.config
    assert config.max_pool_connections == 9
    assert (config.connect_timeout, config.read_timeout) == (3, 4)
    assert config.retries["total_max_attempts"] == 2
    client.close()


def test_a_region_that_cannot_be_one_is_a_matter_of_settings() -> None:
    """What boto3 refuses at once is told with its next step."""
    address = S3Address(bucket="b", endpoint="https://s3.test", region="not a region!")

    with pytest.raises(StoreMisconfigured) as caught:
        build_client(address, CREDENTIALS, S3Limits())

    assert "region" in caught.value.hint


def test_a_missing_profile_is_a_matter_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The AWS chain is asked only without credentials, and its own mistakes are told."""
    monkeypatch.setenv("AWS_PROFILE", "nobody-has-this-profile")
    address = S3Address(bucket="b", endpoint="https://s3.test")

    with pytest.raises(StoreError, match="nobody-has-this-profile") as caught:
        build_client(address, None, S3Limits())

    assert type(caught.value) is StoreMisconfigured
