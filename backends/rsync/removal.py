"""Who removes from staging what the server has no more: rsync as it goes, or we at the end."""

import shutil
from typing import Final

from backends.rsync.command import Removal
from backends.rsync.exit_codes import Verdict
from backends.rsync.leftovers import has_leftovers, remove_leftovers
from backends.rsync.scratch import Claim
from backends.rsync.tally import Tally
from backends.types import PullSpec

#: Where less is free than this part of what is used, rsync deletes before it writes.
_ROOMY: Final = 1 / 4


def choose_removal(spec: PullSpec, claim: Claim) -> Removal:
    """How the first call of a pull does it.

    By name is quicker, but only a call that ends without an error has named everything. After a
    pull that did not end so, rsync does it: it knows best which folders it could not list. So a
    disk that was too full for both what is new and what goes is met but once.
    """
    if claim.is_blank and not spec.only:
        return Removal.NONE
    if spec.only or not claim.is_settled or not _is_roomy(spec.staging):
        return Removal.BY_RSYNC
    return Removal.BY_NAME


def settle(spec: PullSpec, verdict: Verdict, tally: Tally) -> bool:
    """Remove what the call that has just ended did not name, if it named everything.

    Returns:
        Whether that was all; else rsync has to delete in one more call.

    Raises:
        LocalPathUnusable: something cannot be removed.
    """
    sieve, survey = tally.sieve, tally.survey
    if sieve is None or survey is None:
        return True
    if survey.is_within(sieve.named):
        return True
    sieve.named.seal()
    if verdict is Verdict.COMPLETE and not sieve.is_doubtful:
        return remove_leftovers(spec.staging, spec.paths, sieve.named, tally.note_removed)
    return not has_leftovers(spec.staging, spec.paths, sieve.named)


def _is_roomy(staging: str) -> bool:
    usage = shutil.disk_usage(staging)
    return usage.free >= usage.used * _ROOMY
