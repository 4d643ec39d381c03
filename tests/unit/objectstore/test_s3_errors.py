"""Every way in which boto3 can fail has a meaning of ours."""

import inspect

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from backends.errors import (
    BucketMissing,
    KeyInvalid,
    ObjectCorrupt,
    ObjectExists,
    ObjectMissing,
    StoreError,
    StoreFull,
    StoreMisconfigured,
    StoreRefused,
    StoreThrottled,
    StoreUnreachable,
)
from backends.objectstore.s3_errors import EXCEPTIONS, client_error, mapped


def raised_by_botocore() -> set[str]:
    """Names of the exceptions that botocore defines for its callers; warnings are none."""
    return {
        name
        for name, value in vars(exceptions).items()
        if inspect.isclass(value)
        and issubclass(value, Exception)
        and not issubclass(value, Warning)
        and value.__module__ == exceptions.__name__
        and value is not ClientError
        and not issubclass(value, ClientError)
    }


def answer(code: str, status: int, message: str = "as it says") -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutObject")


def test_no_exception_of_botocore_is_unmapped() -> None:
    """A release that brings a new exception fails here until someone decides what it means."""
    assert raised_by_botocore() - set(EXCEPTIONS) == set()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), StoreUnreachable),
        (exceptions.ConnectTimeoutError(endpoint_url="http://x"), StoreUnreachable),
        (exceptions.ReadTimeoutError(endpoint_url="http://x"), StoreUnreachable),
        (exceptions.SSLError(endpoint_url="http://x", error="expired"), StoreUnreachable),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), StoreUnreachable),
        (exceptions.ResponseStreamingError(error="torn"), StoreUnreachable),
        (exceptions.NoCredentialsError(), StoreRefused),
        (exceptions.UnauthorizedSSOTokenError(), StoreRefused),
        (exceptions.NoRegionError(), StoreMisconfigured),
        (exceptions.ProfileNotFound(profile="x"), StoreMisconfigured),
        (exceptions.ParamValidationError(report="x"), StoreError),
        (exceptions.FlexibleChecksumError(error_msg="x"), ObjectCorrupt),
        (ResponseParserError("not XML"), StoreUnreachable),
        (ValueError("no date"), StoreUnreachable),
        (ProtocolError("torn"), StoreUnreachable),
        (ConnectionResetError("reset"), StoreUnreachable),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_failure_without_an_answer(error: Exception, expected: type[StoreError]) -> None:
    """The line, the credentials and the settings are told apart; the cause is kept."""
    with pytest.raises(StoreError) as caught, mapped("writing s3://bucket/key"):
        raise error

    assert type(caught.value) is expected
    assert str(caught.value).startswith("writing s3://bucket/key: ")
    assert caught.value.__cause__ is error
    assert caught.value.hint


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NoSuchKey", 404, ObjectMissing),
        ("404", 404, ObjectMissing),
        ("NoSuchBucket", 404, BucketMissing),
        ("AccessDenied", 403, StoreRefused),
        ("403", 403, StoreRefused),
        ("SlowDown", 503, StoreThrottled),
        ("503", 503, StoreThrottled),
        ("InternalError", 500, StoreThrottled),
        ("InternalError", 200, StoreThrottled),
        ("TooManyRequests", 429, StoreThrottled),
        ("RequestTimeout", 400, StoreThrottled),
        ("BadDigest", 400, ObjectCorrupt),
        ("XAmzContentChecksumMismatch", 400, ObjectCorrupt),
        ("InvalidRange", 416, ObjectCorrupt),
        ("EntityTooLarge", 400, StoreFull),
        ("QuotaExceeded", 403, StoreFull),
        ("SomethingNew", 507, StoreFull),
        ("PreconditionFailed", 412, ObjectExists),
        ("KeyTooLongError", 400, KeyInvalid),
        ("PermanentRedirect", 301, StoreMisconfigured),
        ("InvalidBucketName", 400, StoreMisconfigured),
        ("NotImplemented", 501, StoreError),
        ("SomethingNew", 400, StoreError),
    ],
)
def test_an_answer_that_reports_a_failure(
    code: str, status: int, expected: type[StoreError]
) -> None:
    """The code decides; where it is unknown or absent the status does."""
    error = client_error(answer(code, status), "writing")

    assert type(error) is expected
    assert code in str(error)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("InvalidAccessKeyId", "does not know this access key"),
        ("SignatureDoesNotMatch", "secret does not fit"),
        ("ExpiredToken", "temporary credentials are over"),
        ("AccessDenied", "policy does not allow"),
        ("AllAccessDisabled", "account itself is suspended"),
        ("RequestTimeTooSkewed", "clock of this machine"),
        ("InvalidObjectState", "archive class"),
    ],
)
def test_a_refusal_says_what_is_wrong(code: str, hint: str) -> None:
    """Key, secret, expiry, policy, account and clock each have their own next step."""
    error = client_error(answer(code, 403), "listing")

    assert isinstance(error, StoreRefused)
    assert hint in error.hint
