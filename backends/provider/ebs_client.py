"""A client of EC2 with patience that ends, for `EbsSnapshots`."""

from typing import Final

import boto3
from botocore.config import Config

from backends.provider.ebs import EbsSnapshots
from backends.provider.ebs_errors import FAILURES, provider_failure
from backends.source_errors import ProviderError

#: All attempts of one call together take less than five minutes.
_PATIENCE: Final = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 4},
)


def open_ebs(region: str, profile: str | None = None) -> EbsSnapshots:
    """Snapshots in a region, with the credentials that every AWS program finds; nothing is sent.

    Args:
        region: Of the instances.
        profile: A named profile of this host, or None for the default chain.

    Raises:
        ProviderError: there is no such profile, or the endpoint is no address.
    """
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        return EbsSnapshots(client=session.client("ec2", config=_PATIENCE))
    except FAILURES as error:
        raise provider_failure(error) from error
    except ValueError as error:
        raise ProviderError(f"The provider's interface cannot be used: {error}") from error
