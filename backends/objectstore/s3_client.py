"""A boto3 client that does what its caller says and nothing that the environment slips in."""

from pathlib import Path
from typing import TYPE_CHECKING

import boto3.session
import botocore.session
from botocore.config import Config

from backends.errors import StoreMisconfigured
from backends.objectstore.s3_address import Addressing, S3Address, S3Credentials, S3Limits
from backends.objectstore.s3_errors import mapped
from backends.objectstore.s3_model import SERVICE, S3Descriptions

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.config import _S3Dict
    from types_boto3_s3 import S3Client


def build_client(
    address: S3Address, credentials: S3Credentials | None, limits: S3Limits
) -> "S3Client":
    """A client for one bucket's service; nothing is sent yet.

    Args:
        address: Where.
        credentials: Who; None for the AWS default chain.
        limits: See `S3Limits`.

    Raises:
        StoreMisconfigured: the endpoint, region, profile or CA bundle cannot be used.
    """
    _check_ca_bundle(address.ca_bundle)
    try:
        with mapped(f"preparing {address.url}"):
            config = _config(address, limits)
            client: S3Client = _session(credentials).client(
                SERVICE,
                endpoint_url=address.endpoint,
                region_name=address.region,
                verify=address.ca_bundle,  # None: the system's authorities
                config=config,
            )
            client.meta.events.register(
                "before-sign.s3.PutObject", _HashOnce(config, address.addressing)
            )
            return client
    except ValueError as error:  # how botocore refuses an endpoint
        raise StoreMisconfigured(f"preparing {address.url}: {error}") from error


class _HashOnce:
    """Spares the hash of a body that the signature covers by a checksum already.

    The SHA-256 that a put carries is a signed header, which the store compares with the body.
    Hashing the body again for the signature would prove nothing more, here and at the store.
    """

    def __init__(self, config: Config, addressing: Addressing) -> None:
        style: _S3Dict = {"addressing_style": addressing.value, "payload_signing_enabled": False}
        self._unsigned = config.merge(Config(s3=style))

    def __call__(self, request: "AWSRequest", **_: object) -> None:
        if "x-amz-checksum-sha256" in request.headers:
            request.context["client_config"] = self._unsigned


def _session(credentials: S3Credentials | None) -> boto3.session.Session:
    """A session of our own: the shared default one must not build clients in several threads."""
    session = botocore.session.Session()
    session.register_component("data_loader", S3Descriptions())
    if credentials is not None:
        session.set_credentials(
            credentials.access_key_id,
            credentials.secret_access_key,
            credentials.session_token,
        )
    return boto3.session.Session(botocore_session=session)


def _config(address: S3Address, limits: S3Limits) -> Config:
    """What stores other than AWS need.

    Newer boto3 adds a CRC32 trailer to every body by default, which several stores refuse;
    `when_required` stops that, and only with it is the payload signed.
    """
    return Config(
        region_name=address.region,
        signature_version="s3v4",
        s3={"addressing_style": address.addressing.value, "payload_signing_enabled": True},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
        connect_timeout=limits.connect_timeout,
        read_timeout=limits.read_timeout,
        tcp_keepalive=True,
        max_pool_connections=limits.workers + 2,
        ignore_configured_endpoint_urls=True,  # type: ignore[call-arg] # the stubs lag behind
    )


def _check_ca_bundle(path: str | None) -> None:
    """Tell a missing file now; botocore would call it a broken connection at the first request."""
    if path is not None and not Path(path).is_file():
        raise StoreMisconfigured(f"the CA bundle {path} is not a file")
