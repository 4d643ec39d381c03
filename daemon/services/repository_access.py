"""Any restic repository, opened with nothing but its place and a password."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from backends.errors import (
    BucketMissing,
    RepositoryDamaged,
    RepositoryLocked,
    RepositoryMissing,
    StoreFull,
    StoreMisconfigured,
    StoreRefused,
    WrongPassword,
)
from backends.objectstore.retrying import RetryingStore, RetryNotice
from backends.objectstore.s3_address import S3Credentials
from backends.protocols import ObjectStore
from backends.repository.lock import hold_lock
from backends.repository.repository import Repository
from daemon.errors import InvalidValue, UsageError
from daemon.secrets import SecretSource
from daemon.services.repository_location import RepositoryLocation

#: Told, in a sentence, what the person at the terminal should know and nothing stops for.
Warn = Callable[[str], None]

#: Makes a store of a location, without trying again.
Connect = Callable[[RepositoryLocation, S3Credentials | None], ObjectStore]

_WHERE = "Check the URL: it must lead to the folder that has the file `config` in it."
_NO_LOCK = "go on without a lock; what another program deletes meanwhile will seem damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAccess:
    """How one repository is opened that no settings name; no secret has been read yet.

    Attributes:
        location: Where it is.
        password: Where its password is.
        access_key_id: Where the S3 key is; None for the AWS default chain.
        secret_access_key: Given exactly together with it.

    Raises:
        UsageError: half of an S3 key.
    """

    location: RepositoryLocation
    password: SecretSource
    access_key_id: SecretSource | None = None
    secret_access_key: SecretSource | None = None

    def __post_init__(self) -> None:
        """Refuse half a key, which would silently be another one of the default chain."""
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise UsageError(
                "--access-key-id-file and --secret-access-key-file go together.",
                hint="Give both, or neither for the environment and ~/.aws.",
            )

    def read_credentials(self) -> S3Credentials | None:
        """The S3 key that was given. Raises SecretError."""
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        return S3Credentials(
            access_key_id=self.access_key_id.read().reveal(),
            secret_access_key=self.secret_access_key.read().reveal(),
        )


@contextmanager
def open_foreign(
    access: RepositoryAccess,
    connect: Connect,
    warn: Warn,
    connected: Callable[[ObjectStore], object] = lambda _: None,
) -> Iterator[Repository]:
    """The repository, for as long as the block runs; `connected` is called with the store first.

    The store is tried once, so that a wrong URL is answered soon; what the block reads is tried
    again for as long as backups are, with a warning each time.

    Raises:
        SecretError: a secret cannot be read.
        RepositoryError, StoreError: it cannot be opened.
        InvalidValue: the store cannot be reached as described.
    """
    with ExitStack() as stack:
        with _explained(access):
            store = connect(access.location, access.read_credentials())
            stack.callback(store.close)
            connected(store)
            repository = Repository.open(store, access.password.read().reveal())
        patient = RetryingStore(store, on_retry=lambda notice: warn(_retry_text(notice)))
        yield replace(repository, store=patient)


@contextmanager
def hold_lock_if_allowed(repository: Repository, warn: Warn) -> Iterator[None]:
    """Keep others from pruning while we read; go without, and say so, where nothing can be stored.

    Raises:
        RepositoryLocked: another program holds it for itself.
        StoreError: the locks could not be listed.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(repository))
        except (StoreRefused, StoreFull) as error:
            warn(f"The repository cannot be locked ({error}): we {_NO_LOCK}.")
        except RepositoryLocked as error:
            hint = f"{error.hint} With --no-lock we {_NO_LOCK}."
            raise RepositoryLocked(str(error), hint=hint) from error
        yield


@contextmanager
def _explained(access: RepositoryAccess) -> Iterator[None]:
    """Say what to do next in words of the command line, where there are no settings to correct."""
    try:
        yield
    except (BucketMissing, RepositoryMissing) as error:
        raise RepositoryMissing(f"No repository is there: {error}", hint=_WHERE) from error
    except WrongPassword as error:
        hint = f"The password was read from: {access.password.origin}."
        raise WrongPassword(str(error), hint=hint) from error
    except RepositoryDamaged as error:
        hint = "Nothing can be read without the object `config`; put it back from another copy."
        raise RepositoryDamaged(str(error), hint=hint) from error
    except StoreMisconfigured as error:
        hint = "Check the URL, --endpoint, --region and --ca-bundle."
        raise InvalidValue(f"The store cannot be reached as given: {error}.", hint=hint) from error


def _retry_text(notice: RetryNotice) -> str:
    what = f"{notice.operation} {notice.key}"
    return f"{what}: {notice.error}; trying again in {notice.delay:.0f} s"
