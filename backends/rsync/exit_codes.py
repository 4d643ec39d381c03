"""What rsync's exit codes mean for a pull. Pure; the codes are those of rsync's errcode.h."""

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """What to do after an exit code."""

    #: Everything that was asked for is here.
    COMPLETE = "complete"
    #: Files disappeared on the server while they were read; a second pass settles it.
    VANISHED = "vanished"
    #: Some things could not be read or written; the rest is here.
    PARTIAL = "partial"
    #: The line or the other side broke; the same call may well succeed later.
    INTERRUPTED = "interrupted"
    #: This machine could not write.
    LOCAL = "local"
    #: The two sides do not understand each other's options.
    MISUNDERSTOOD = "misunderstood"
    #: Trying again does not mend it.
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitMeaning:
    """What an exit code says.

    Attributes:
        verdict: See `Verdict`.
        reason: For a person, without a full stop.
    """

    verdict: Verdict
    reason: str

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later with nothing changed by a person."""
        return self.verdict is Verdict.INTERRUPTED


_MEANINGS = {
    0: (Verdict.COMPLETE, "everything was transferred"),
    1: (Verdict.MISUNDERSTOOD, "an option is not understood"),
    2: (Verdict.MISUNDERSTOOD, "the two rsync versions do not understand each other"),
    3: (Verdict.FAILED, "a folder cannot be used as source or destination"),
    4: (Verdict.MISUNDERSTOOD, "something that was asked for is not supported"),
    5: (Verdict.FAILED, "the server's rsync refused to begin"),
    10: (Verdict.INTERRUPTED, "the network connection failed"),
    11: (Verdict.LOCAL, "a file could not be written or read here"),
    12: (Verdict.INTERRUPTED, "the other side ended in the middle of the transfer"),
    13: (Verdict.FAILED, "rsync could not report its progress"),
    14: (Verdict.INTERRUPTED, "rsync's own processes lost touch with each other"),
    15: (Verdict.FAILED, "one of rsync's processes crashed"),
    16: (Verdict.FAILED, "one of rsync's processes ended abnormally"),
    19: (Verdict.INTERRUPTED, "rsync was told to end by its sibling"),
    20: (Verdict.INTERRUPTED, "rsync was told to end"),
    21: (Verdict.FAILED, "rsync lost one of its processes"),
    22: (Verdict.FAILED, "rsync needed more memory than it may have"),
    23: (Verdict.PARTIAL, "some things could not be transferred"),
    24: (Verdict.VANISHED, "files disappeared on the server meanwhile"),
    25: (Verdict.FAILED, "more would have been deleted than is allowed"),
    30: (Verdict.INTERRUPTED, "nothing came for too long"),
    35: (Verdict.INTERRUPTED, "the connection was not made in time"),
    124: (Verdict.FAILED, "the command on the server failed"),
    125: (Verdict.INTERRUPTED, "the command on the server was killed"),
    126: (Verdict.FAILED, "the command on the server could not be run"),
    127: (Verdict.FAILED, "the command was not found on the server"),
    255: (Verdict.INTERRUPTED, "ssh failed"),
}


def exit_meaning(exit_code: int) -> ExitMeaning:
    """What rsync's exit code, or minus the number of a signal, means; unknown ones are failures."""
    if exit_code < 0:
        reason = f"rsync was killed by signal {-exit_code}"
        return ExitMeaning(verdict=Verdict.FAILED, reason=reason)
    fallback = (Verdict.FAILED, "rsync ended in a way that is not known")
    verdict, reason = _MEANINGS.get(exit_code, fallback)
    return ExitMeaning(verdict=verdict, reason=f"{reason} (rsync exit code {exit_code})")
