"""Gets hold of the repository that a run writes to, while the pull goes on.

To open it is done beside the loading of all that comes after.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

from backends.capture.staging import Staging
from backends.errors import BackendError, TransferInterrupted
from backends.repository.repository import Repository
from daemon.importing import importing
from daemon.services.attempt import Attempt
from daemon.services.destination import Destination, Patience, open_repository
from daemon.services.early import EarlyPull
from daemon.services.guard import GuardedStore


def reach_store(attempt: Attempt, staging: Staging, early: EarlyPull | None) -> None:
    """Open the repository, and do there what `safekeeping` has.

    Raises:
        LapseguardError: the reason to stop, where that was asked for before anything had arrived.
        BackendError, LapseguardError: what stopped it.
    """
    stopping = attempt.stopping
    try:
        with ExitStack() as held:
            with importing("daemon.services.safekeeping"):
                destination = _find_destination(attempt)
                held.enter_context(closing(destination.store))
                opened = held.enter_context(_opening(destination))
                from daemon.services.safekeeping import keep_safe  # noqa: PLC0415 - see above
            keep_safe(attempt, staging, early, destination, opened)
    except BackendError as error:
        if not stopping.asked.is_set():
            raise
        # Asked to stop, so that is why it ends; what failed meanwhile is told beside it.
        if not isinstance(error, TransferInterrupted):
            attempt.observer.warned(f"No checkpoint could be made: {error}")
        raise stopping.reason from error


def _find_destination(attempt: Attempt) -> Destination:
    """The repository's place, of which nothing is asked once the run has to be at rest."""
    stopping, server = attempt.stopping, attempt.server
    patience = Patience(
        stop=stopping.at_once, warn=attempt.observer.warned, time_left=stopping.patience
    )
    destination = attempt.tools.destination(server.store, server.name, patience)
    store = GuardedStore(destination.store, stopping.check)
    return replace(destination, store=store, ahead=attempt.ahead)


@contextmanager
def _opening(destination: Destination) -> Iterator[Callable[[], Repository]]:
    """Begin to open it; what is given waits for it, and raises what `open_repository` does."""
    thread = ThreadPoolExecutor(1, "opening")
    try:
        yield thread.submit(open_repository, destination).result
    finally:
        thread.shutdown(wait=False)
