"""What keeps a run from being whole, as the history words it."""

from typing import TYPE_CHECKING

from daemon.domain.run import Failure
from daemon.errors import RunIncomplete, code_for, hint_for
from daemon.services.stopping import Stopping

if TYPE_CHECKING:  # an error is worded where nothing of them is loaded
    from daemon.services.deposit import Deposit
    from daemon.services.proof import Proof


def failure_of(error: BaseException) -> Failure:
    """An error as the history keeps it."""
    return Failure(code=code_for(error), message=str(error), hint=hint_for(error))


def shortfall_of(done: "Deposit", proof: "Proof", stopping: Stopping) -> Failure | None:
    """Why a run is only `partial`; None if nothing is missing.

    One that was asked to stop says so, whatever the pull's own words were; one whose server
    failed has that error. Asked to stop while all was stored and not yet proven as deeply as was
    wanted, a run is not whole either: its data is, but not the proof.
    """
    cut = done.report.cut
    if stopping.asked.is_set() and (cut or proof.cut_short):
        return failure_of(stopping.reason)
    if cut is not None:
        return failure_of(cut)
    return None if done.complete else _incompleteness(done)


def _incompleteness(done: "Deposit") -> Failure:
    count = len(done.omissions)
    first = done.omissions[0]
    shown = first.path.decode(errors="backslashreplace")
    return Failure(
        code=RunIncomplete.__name__,
        message=f"{count} entries are missing, the first: {shown}: {first.reason}",
        hint=RunIncomplete.default_hint,
    )
