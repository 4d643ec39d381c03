"""What the EC2 interface's errors mean to us."""

from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - the library's name for it
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from backends.source_errors import (
    ProviderError,
    ProviderRefused,
    ProviderTargetMissing,
    ProviderThrottled,
    ProviderUnreachable,
)

_THROTTLED: Final = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"}
_BUSY: Final = {"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable"}
_REFUSED: Final = {
    *("AuthFailure", "UnauthorizedOperation", "OptInRequired", "PendingVerification", "Blocked"),
    *("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "RequestExpired"),
    *("SnapshotLimitExceeded", "ConcurrentSnapshotLimitExceeded", "AccountDisabled"),
}
_MISSING: Final = ("InvalidInstanceID", "InvalidInstance", "InvalidVolume", "InvalidSnapshot")
_FORBIDDEN: Final = (401, 403)
_SERVER_SIDE: Final = 500


#: All that the library raises for want of a proper answer.
FAILURES: Final = (ClientError, BotoCoreError, ResponseParserError)


def provider_failure(error: Exception) -> ProviderError:
    """The error of ours that says what the library's exception means. Pure."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return ProviderRefused(f"There are no credentials for the provider: {error}")
    if isinstance(error, ConnectionError | HTTPClientError | ResponseParserError):
        return ProviderUnreachable(f"The provider does not answer: {error}")
    return ProviderError(f"The provider's interface cannot be used: {error}")


def _refusal(error: ClientError) -> ProviderError:
    code = error.response.get("Error", {}).get("Code", "")
    said = error.response.get("Error", {}).get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _THROTTLED | _BUSY or status >= _SERVER_SIDE:
        return ProviderThrottled(f"The provider is busy ({code}): {said}")
    if code in _REFUSED or status in _FORBIDDEN:
        return ProviderRefused(f"The provider refuses ({code}): {said}")
    if code.startswith(_MISSING):
        return ProviderTargetMissing(f"The provider does not know it ({code}): {said}")
    return ProviderError(f"The provider refuses ({code}): {said}")
