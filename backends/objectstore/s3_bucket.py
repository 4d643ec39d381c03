"""Making the bucket itself, which no store object does on its own."""

from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from backends.objectstore.s3_address import S3Address, S3Credentials, S3Limits
from backends.objectstore.s3_client import build_client
from backends.objectstore.s3_errors import code_of, mapped

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.literals import BucketLocationConstraintType
    from types_boto3_s3.type_defs import CreateBucketConfigurationTypeDef

#: AWS wants no location for this one, and one for every other.
_NAMELESS_REGION = "us-east-1"


def create_bucket(address: S3Address, credentials: S3Credentials | None = None) -> bool:
    """Make the bucket; false if it is ours already.

    Raises:
        StoreError: any child; StoreRefused too where the name belongs to somebody else.
    """
    client = build_client(address, credentials, S3Limits())
    try:
        with mapped(f"creating the bucket {address.bucket}"):
            return _create(client, address)
    finally:
        client.close()


def _create(client: "S3Client", address: S3Address) -> bool:
    try:
        if address.endpoint is not None or address.region == _NAMELESS_REGION:
            client.create_bucket(Bucket=address.bucket)
        else:
            # The stubs list the regions of their day; AWS has opened others since.
            region = cast("BucketLocationConstraintType", address.region)
            location: CreateBucketConfigurationTypeDef = {"LocationConstraint": region}
            client.create_bucket(Bucket=address.bucket, CreateBucketConfiguration=location)
    except ClientError as error:
        if code_of(error) != "BucketAlreadyOwnedByYou":
            raise
        return False
    return True
