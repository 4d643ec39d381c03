"""What boto3 raises, as store errors: one table of exception classes, one of S3 error codes.

The table of classes names every exception of `botocore.exceptions`; a test fails when a new
release brings one that is not in it. Names instead of classes, because the supported range of
releases does not have all of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, UndefinedModelAttributeError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

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


class Meaning(NamedTuple):
    """What an exception or a code stands for, and what the operator does about it."""

    error: type[StoreError]
    hint: str | None = None


_TLS = "Check `ca_bundle`, the certificate of the endpoint, and the clock of this machine."
_OURS = "This is a defect of the program, not of the store; please report it."
_NO_KEY = "Set `access_key_id_file` and `secret_access_key_file`, or repair the AWS chain."
_SIGN_IN = "The AWS sign-in of this account is missing or over; renew it, or use an access key."
_REGION = "Set `region` and `endpoint` to those of the bucket."
_ACCESS_KEY = "The store does not know this access key: check `access_key_id` and the endpoint."
_SECRET = "The access key exists but the secret does not fit it: check `secret_access_key`."  # noqa: S105 - a sentence
_EXPIRED = "The temporary credentials are over; get new ones."
_POLICY = "The key is known, but its policy does not allow this operation on this bucket."
_NO_REASON = "Wrong key, wrong secret or a policy: the store does not say which for this request."
_ACCOUNT = "The account itself is suspended or unpaid; see the provider's console."
_CLOCK = "The clock of this machine is off by more than 15 minutes; correct it (NTP)."
_ARCHIVED = "The object lies in an archive class; have the provider restore it first."
_ON_THE_WAY = "The body was damaged between here and the store; nothing was stored."

#: Exception classes by the name they have in `botocore.exceptions`.
EXCEPTIONS: dict[str, Meaning] = {
    **dict.fromkeys(
        (
            *("HTTPClientError", "ConnectionError", "EndpointConnectionError", "ReadTimeoutError"),
            *("ConnectionClosedError", "ConnectTimeoutError", "ProxyConnectionError"),
            *("ResponseStreamingError", "IncompleteReadError", "MetadataRetrievalError"),
        ),
        Meaning(StoreUnreachable),
    ),
    "SSLError": Meaning(StoreUnreachable, _TLS),
    "CapacityNotAvailableError": Meaning(StoreThrottled),
    **dict.fromkeys(("ChecksumError", "FlexibleChecksumError"), Meaning(ObjectCorrupt)),
    **dict.fromkeys(
        (
            *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
            *("UnknownCredentialError", "NoAuthTokenError", "TokenRetrievalError"),
            "UnknownTokenProviderError",
        ),
        Meaning(StoreRefused, _NO_KEY),
    ),
    **dict.fromkeys(
        (
            *("SSOError", "SSOTokenLoadError", "UnauthorizedSSOTokenError"),
            *("LoginError", "LoginRefreshRequired", "LoginInsufficientPermissions"),
            *("LoginTokenLoadError", "LoginAuthorizationCodeError"),
            "RefreshWithMFAUnsupportedError",
        ),
        Meaning(StoreRefused, _SIGN_IN),
    ),
    **dict.fromkeys(
        (
            *("UnknownRegionError", "NoRegionError", "InvalidRegionError", "UnknownEndpointError"),
            *("BaseEndpointResolverError", "EndpointVariantError", "UnknownFIPSEndpointError"),
            *("EndpointProviderError", "EndpointResolutionError", "ServiceNotInRegionError"),
            *("InvalidEndpointConfigurationError", "InvalidHostLabelError", "InvalidDNSNameError"),
            "UnknownEndpointResolutionBuiltInName",
        ),
        Meaning(StoreMisconfigured, _REGION),
    ),
    **dict.fromkeys(
        (
            *("ProfileNotFound", "ConfigParseError", "ConfigNotFound", "InvalidConfigError"),
            *("InfiniteLoopConfigError", "InvalidProxiesConfigError", "InvalidDefaultsMode"),
            *("InvalidIMDSEndpointError", "InvalidIMDSEndpointModeError"),
            *("InvalidRetryConfigurationError", "InvalidMaxRetryAttemptsError"),
            *("InvalidRetryModeError", "InvalidChecksumConfigError", "MissingDependencyException"),
            *("InvalidS3AddressingStyleError", "InvalidEndpointDiscoveryConfigurationError"),
            *("InvalidS3UsEast1RegionalEndpointConfigError", "MD5UnavailableError"),
            *("InvalidSTSRegionalEndpointsConfigError", "UnsupportedS3ArnError"),
            *("UnsupportedS3ControlArnError", "UnsupportedOutpostResourceError"),
            *("UnsupportedS3ConfigurationError", "UnsupportedS3ControlConfigurationError"),
            *("UnsupportedS3AccesspointConfigurationError", "UnknownSignatureVersionError"),
            "UnsupportedSignatureVersionError",
        ),
        Meaning(StoreMisconfigured),
    ),
    **dict.fromkeys(
        (
            *("BotoCoreError", "DataNotFoundError", "UnknownServiceError", "UnknownServiceStyle"),
            *("ApiVersionNotFoundError", "MissingParametersError", "ValidationError"),
            *("ParamValidationError", "UnknownKeyError", "RangeError", "UnknownParameterError"),
            *("AliasConflictParameterError", "PaginationError", "OperationNotPageableError"),
            *("UnseekableStreamError", "WaiterError", "WaiterConfigError", "StubResponseError"),
            *("InvalidExpressionError", "UnknownClientMethodError", "StubAssertionError"),
            *("UnStubbedResponseError", "UndefinedModelAttributeError", "MissingServiceIdError"),
            *("AwsChunkedWrapperError", "UnsupportedServiceProtocolsError"),
        ),
        Meaning(StoreError, _OURS),
    ),
}

#: Codes of S3 and of the stores that speak its protocol, where the status alone says too little.
CODES: dict[str, Meaning] = {
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion"), Meaning(ObjectMissing)),
    "NoSuchBucket": Meaning(BucketMissing),
    "InvalidBucketName": Meaning(StoreMisconfigured),
    **dict.fromkeys(("AccessDenied", "MethodNotAllowed"), Meaning(StoreRefused, _POLICY)),
    **dict.fromkeys(("InvalidAccessKeyId", "InvalidSecurity"), Meaning(StoreRefused, _ACCESS_KEY)),
    "SignatureDoesNotMatch": Meaning(StoreRefused, _SECRET),
    **dict.fromkeys(
        ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidTokenId"),
        Meaning(StoreRefused, _EXPIRED),
    ),
    **dict.fromkeys(
        ("AccountProblem", "AllAccessDisabled", "NotSignedUp", "UserDisable", "UserSuspended"),
        Meaning(StoreRefused, _ACCOUNT),
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), Meaning(StoreRefused, _CLOCK)),
    "InvalidObjectState": Meaning(StoreRefused, _ARCHIVED),
    **dict.fromkeys(
        (
            *("AuthorizationHeaderMalformed", "PermanentRedirect", "Redirect", "TemporaryRedirect"),
            "IllegalLocationConstraintException",
        ),
        Meaning(StoreMisconfigured, _REGION),
    ),
    **dict.fromkeys(
        (
            *("SlowDown", "ServiceUnavailable", "InternalError", "OperationAborted", "ServerBusy"),
            *("ConditionalRequestConflict", "RequestTimeout", "RequestThrottled", "Throttling"),
        ),
        Meaning(StoreThrottled),
    ),
    **dict.fromkeys(
        (
            *("BadDigest", "InvalidDigest", "IncompleteBody", "XAmzContentChecksumMismatch"),
            *("XAmzContentSHA256Mismatch", "ChecksumMismatch"),
        ),
        Meaning(ObjectCorrupt, _ON_THE_WAY),
    ),
    "InvalidRange": Meaning(ObjectCorrupt),
    **dict.fromkeys(
        (
            *("EntityTooLarge", "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"),
            *("InsufficientCapacity", "BucketQuotaExceeded", "XMinioAdminBucketQuotaExceeded"),
        ),
        Meaning(StoreFull),
    ),
    "PreconditionFailed": Meaning(ObjectExists),
    "KeyTooLongError": Meaning(KeyInvalid),
    "NotImplemented": Meaning(StoreError, "The store does not offer this operation."),
}

# For codes we do not know, and for HEAD, whose answers have no body and hence no code.
_STATUSES: dict[int, Meaning] = {
    HTTPStatus.MOVED_PERMANENTLY: Meaning(StoreMisconfigured, _REGION),
    HTTPStatus.TEMPORARY_REDIRECT: Meaning(StoreMisconfigured, _REGION),
    HTTPStatus.UNAUTHORIZED: Meaning(StoreRefused, _NO_REASON),
    HTTPStatus.FORBIDDEN: Meaning(StoreRefused, _NO_REASON),
    HTTPStatus.NOT_FOUND: Meaning(ObjectMissing),
    HTTPStatus.PRECONDITION_FAILED: Meaning(ObjectExists),
    HTTPStatus.REQUEST_TIMEOUT: Meaning(StoreThrottled),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Meaning(StoreFull),
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: Meaning(ObjectCorrupt),
    HTTPStatus.TOO_MANY_REQUESTS: Meaning(StoreThrottled),
    HTTPStatus.NOT_IMPLEMENTED: CODES["NotImplemented"],
    HTTPStatus.INSUFFICIENT_STORAGE: Meaning(StoreFull),
}


@contextmanager
def mapped(doing: str) -> Iterator[None]:
    """Turns whatever boto3 raises in the block into a store error.

    Args:
        doing: Beginning of the message, e.g. `writing s3://bucket/key`.
    """
    try:
        yield
    except ClientError as error:
        raise client_error(error, doing) from error
    except (BotoCoreError, Boto3Error, UndefinedModelAttributeError) as error:
        raise library_error(error, doing) from error
    except (HTTPError, OSError) as error:
        # From urllib3 and sockets while a body is read, where botocore does not translate all.
        raise StoreUnreachable(f"{doing}: {error}") from error
    except (ResponseParserError, ValueError) as error:
        # ValueError is what botocore's parser lets through for dates and numbers.
        raise StoreUnreachable(f"{doing}: the answer makes no sense ({error})") from error


def client_error(error: ClientError, doing: str) -> StoreError:
    """The store error for an answer of the store that reports a failure."""
    code, status = code_of(error), status_of(error)
    meaning = CODES.get(code) or _STATUSES.get(status) or _meaning_of_class(status)
    reason = error.response.get("Error", {}).get("Message") or "no reason given"
    return meaning.error(f"{doing}: {reason} ({code or status})", hint=meaning.hint)


def library_error(error: Exception, doing: str) -> StoreError:
    """The store error for an exception that boto3 raised without an answer of the store."""
    names = (cls.__name__ for cls in type(error).__mro__)
    known = (EXCEPTIONS[name] for name in names if name in EXCEPTIONS)
    meaning = next(known, EXCEPTIONS["BotoCoreError"])
    return meaning.error(f"{doing}: {error}", hint=meaning.hint)


def code_of(error: ClientError) -> str:
    """The store's code, e.g. `NoSuchKey`; digits or nothing after HEAD."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status, or 0 where the answer had none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _meaning_of_class(status: int) -> Meaning:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Meaning(StoreThrottled)
    return Meaning(StoreError, "The store refused the request in a way the program does not know.")
