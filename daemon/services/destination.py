"""Where one server's backups are: its repository in a store, and how to open it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from backends.errors import RepositoryMissing, StoreRefused
from backends.objectstore.retrying import RetryNotice
from backends.protocols import ObjectStore
from backends.repository.key_ahead import KeyAhead
from backends.repository.lock import hold_lock
from backends.repository.repository import Repository
from daemon.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a store that does not answer is waited for.

    Attributes:
        stop: Once set, nothing is tried again.
        warn: Told, in a sentence, of each failure that another attempt follows.
        time_left: Seconds for which it is still waited for; None for no limit of ours.
    """

    stop: threading.Event
    warn: Callable[[str], None]
    time_left: Callable[[], float | None] = lambda: None

    def note(self, notice: RetryNotice) -> None:
        """Tell of a failed attempt."""
        self.warn(f"{notice.error} Trying again in {notice.delay:.0f} s.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One server's repository, not opened yet.

    Attributes:
        store_name: As the settings call the store.
        store: Rooted at the repository, retries included.
        read_password: Fetches the repository's password; raises SecretError.
        ahead: What is derived from it meanwhile, if anything is.
    """

    store_name: str
    store: ObjectStore
    read_password: Callable[[], Secret] = field(repr=False)
    ahead: KeyAhead | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Of the repository, without secrets."""
        return self.store.url


def open_repository(destination: Destination) -> Repository:
    """Open what is there.

    Raises:
        RepositoryMissing, WrongPassword, RepositoryDamaged, StoreError, SecretError.
    """
    ahead = destination.ahead
    password = destination.read_password().reveal() if ahead is None else ahead.password()
    return Repository.open(destination.store, password, ahead)


def create_repository(destination: Destination) -> Repository:
    """Make it, as a server's first backup does.

    Raises:
        RepositoryExists, RepositoryDamaged, StoreError, SecretError.
    """
    password = destination.read_password().reveal()
    return Repository.create(destination.store, password, ahead=destination.ahead)


def open_or_create(
    destination: Destination,
    opened: Callable[[], Repository],
    was_used: Callable[[], bool],
    warn: Callable[[str], None],
) -> Repository:
    """What is there, opened, or a new one.

    Args:
        destination: Where.
        opened: Opens it as `open_repository` does, or waits for whoever does.
        was_used: Whether it has been there before; asked only where it is missing.
        warn: Told if it was.

    Raises:
        WrongPassword, RepositoryDamaged, StoreError, SecretError.
    """
    try:
        return opened()
    except RepositoryMissing:
        if was_used():
            warn(f"The repository {destination.url} of earlier runs is gone; making a new one.")
        return create_repository(destination)


@contextmanager
def hold_reading_lock(
    repository: Repository, meanwhile: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Keep others from pruning while we read; go without where the store lets us only read.

    `meanwhile` may read before the lock counts, see `hold_lock`; without a lock it is not called.

    A restore with read-only keys matters more than the small chance of a prune meanwhile, which
    shows itself as an error and never as wrong data: every blob is hashed.

    Raises:
        RepositoryLocked: somebody prunes right now.
        StoreError: locks could not be listed.
    """
    with ExitStack() as stack:
        # Safe to pass over: see above.
        with suppress(StoreRefused):
            stack.enter_context(hold_lock(repository, meanwhile=meanwhile))
        yield
