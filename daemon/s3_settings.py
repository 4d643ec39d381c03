"""Addresses, keys and passwords of stores, as the settings and their secrets have them."""

from typing import TYPE_CHECKING

from daemon.errors import SecretError
from daemon.secrets import Secret
from daemon.settings import Configuration, StoreSecretName, StoreSettings

if TYPE_CHECKING:
    from backends.objectstore.s3_address import S3Address, S3Credentials


def s3_address(settings: StoreSettings, server: str | None = None) -> "S3Address":
    """Where a store is, or a server's repository in it."""
    from backends.objectstore.s3_address import Addressing, S3Address  # noqa: PLC0415 - if used

    prefix = "/".join(part for part in (settings.location.path.strip("/"), server) if part)
    region = {"region": settings.region} if settings.region else {}
    return S3Address(
        bucket=settings.location.netloc,
        prefix=prefix,
        endpoint=settings.endpoint,
        addressing=Addressing.VIRTUAL if settings.virtual_host else Addressing.PATH,
        ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None,
        allow_http=settings.allow_http,
        **region,
    )


def s3_credentials(configuration: Configuration, name: str) -> "S3Credentials | None":
    """The keys in the settings; None leaves it to the AWS default chain."""
    from backends.objectstore.s3_address import S3Credentials  # noqa: PLC0415 - only if used

    key = read_store_secret(configuration, name, "access_key_id")
    secret = read_store_secret(configuration, name, "secret_access_key")
    token = read_store_secret(configuration, name, "session_token")
    if key is None or secret is None:
        return None
    return S3Credentials(
        access_key_id=key.reveal(),
        secret_access_key=secret.reveal(),
        session_token=None if token is None else token.reveal(),
    )


def read_store_secret(
    configuration: Configuration, store: str, name: StoreSecretName
) -> Secret | None:
    """A secret of a store; None where nobody says. Raises SecretError."""
    source = configuration.store_secret(store, name)
    return None if source is None else source.read()


def repository_password(configuration: Configuration, store: str | None = None) -> Secret:
    """The password of the repositories in a store.

    Raises:
        NotFound, SettingsError: there is no such store.
        SecretError: there is no password, or it cannot be read.
    """
    name, _ = configuration.store(store)
    password = read_store_secret(configuration, name, "repository_password")
    if password is None:
        raise SecretError(
            f"The store `{name}` has no repository password.",
            hint=f"Set `repository_password_file` under [stores.{name}].",
        )
    return password
