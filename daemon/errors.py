"""One error tree for what goes wrong by the application's own rules.

    LapseguardError                       exit code 1
    ├── UsageError                        exit code 2: what was asked cannot be done as asked
    │   ├── SettingsError    SecretError      InvalidValue    UnknownTimeZone
    │   ├── NotFound         AlreadyExists    InUse           NotConfirmed
    │   └── SameFate         FleetInvalid
    ├── StateError                        the state folder or the database is not usable
    │   ├── StateFolderUnusable  DaemonActive
    │   └── DatabaseError
    │       ├── DatabaseUnreachable  DatabaseMissing  DatabaseTooOld  DatabaseTooNew
    │       └── DatabaseBusy*        DatabaseDamaged
    ├── RunError                          a run may not go on
    │   ├── RunActive        ClaimLost        IllegalTransition
    │   └── RunPaused
    ├── ProofError                        evidence is missing or contradicts what is stored
    │   ├── VerificationFailed   ManifestInvalid
    ├── RunIncomplete                     exit code 3: saved, but not everything that was asked
    └── Interrupted                       exit code 130: a person or the service stopped it

A star marks errors that are worth trying again unchanged (`retryable`). Every error says what
happened (its message), and what to do next (`hint`). Errors from outside the application are in
`backends.errors`; `exit_code_for` covers both trees.
"""

import enum
from typing import ClassVar

from backends.errors import BackendError


class ExitCode(enum.IntEnum):
    """What a command's end tells the script that called it."""

    #: Everything that was asked is done; a backup is verified.
    DONE = 0
    #: It failed; the message says why and what next.
    FAILED = 1
    #: The command line or the settings are wrong; nothing was begun.
    USAGE = 2
    #: Something was saved and is restorable, but not everything that was asked.
    INCOMPLETE = 3
    #: Stopped by a signal.
    INTERRUPTED = 130


class LapseguardError(Exception):
    """The application cannot do what was asked, for a reason it understands."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    #: Whether the same call may succeed later with nothing changed by a person.
    retryable: ClassVar[bool] = False
    #: What the operator does next, unless the raiser knows better.
    default_hint: ClassVar[str] = "Run the command again with -v for details."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint or self.default_hint

    @property
    def code(self) -> str:
        """The stable name shown in `--json` and recorded in the history, e.g. ``NotFound``."""
        return type(self).__name__


class UsageError(LapseguardError):
    """What was asked cannot be done as asked; nothing was begun."""

    exit_code = ExitCode.USAGE
    default_hint = "See the command's --help."


class SettingsError(UsageError):
    """The settings are wrong; the message lists every problem found."""

    default_hint = "Correct the settings; `lapseguard config validate` checks them all at once."


class SecretError(UsageError):
    """A secret is missing, given twice, unreadable, or readable by others."""

    default_hint = (
        "Give it as NAME_file, NAME_command or a systemd credential, readable by us only."
    )


class InvalidValue(UsageError):
    """A value (name, date, path, key, size) is not of the required form."""


class UnknownTimeZone(InvalidValue):
    """No time zone has this name."""

    default_hint = "Use a name of the IANA list, e.g. Asia/Shanghai, Europe/Berlin or UTC."


class NotFound(UsageError):
    """Nothing is recorded under this name or id."""

    default_hint = "List what there is: `lapseguard server list`, `contract list`, `history`."


class AlreadyExists(UsageError):
    """The name is taken."""

    default_hint = "Choose another name, or change the existing one with `update`."


class InUse(UsageError):
    """Something else still needs it."""


class NotConfirmed(UsageError):
    """A destructive or security-relevant step was not confirmed."""

    default_hint = "Answer yes when asked, or give --yes."


class SameFate(UsageError):
    """The store of a server would perish together with it."""

    default_hint = (
        "Choose another store with `server update NAME --store`, or give --accept-same-fate if "
        "this is known and meant."
    )


class FleetInvalid(UsageError):
    """What is to be imported is wrong; the message lists every problem found."""

    default_hint = "Correct it and import it again; nothing was changed. --dry-run only looks."


class StateError(LapseguardError):
    """The program's own state is not usable."""


class StateFolderUnusable(StateError):
    """The state folder is missing, not writable, or open to others."""

    default_hint = "Run as the user that owns it, or set `state_dir`; `lapseguard init` creates it."


class DaemonActive(StateError):
    """Another daemon works with the same state folder or the same SQLite database."""

    default_hint = (
        "Leave it to that one, or stop it first. Several daemons share the work only through one "
        "PostgreSQL database, each with a state folder of its own."
    )


class DatabaseError(StateError):
    """The database cannot be used as it is."""


class DatabaseUnreachable(DatabaseError):
    """The database did not answer, or refused the login."""

    default_hint = "Check `database` in the settings, and that the server runs and lets us in."


class DatabaseMissing(DatabaseError):
    """There is no database yet, or it is empty."""

    default_hint = "Create it with `lapseguard init` or `lapseguard db upgrade`."


class DatabaseTooOld(DatabaseError):
    """The database was written by an older program."""

    default_hint = "Bring it up to date: `lapseguard db upgrade`."


class DatabaseTooNew(DatabaseError):
    """The database was written by a newer program than this one."""

    default_hint = "Install at least the version of Lapseguard that wrote it."


class DatabaseBusy(DatabaseError):
    """Another process held the database longer than we wait."""

    retryable = True
    default_hint = "Try again; if it persists, find the process that holds the database."


class DatabaseDamaged(DatabaseError):
    """The database holds something that the program never writes."""

    default_hint = "Restore the database, or start a new one; the backups themselves are not in it."


class RunError(LapseguardError):
    """A run may not go on."""


class RunActive(RunError):
    """Another run of the same server is under way."""

    default_hint = "Wait for it to end; `lapseguard history` shows it."


class ClaimLost(RunError):
    """Somebody else has claimed this run since; whatever we would write now is stale."""

    default_hint = "The newer owner goes on with it; `lapseguard history` shows its outcome."


class IllegalTransition(RunError):
    """A run was asked to enter a state that does not follow its present one."""


class RunPaused(RunError):
    """A run gave way to a more urgent one; what had arrived is kept."""

    retryable = True
    default_hint = "Nothing needs to be done: the plan goes on with it as soon as there is room."


class ProofError(LapseguardError):
    """Evidence is missing, or contradicts what is stored."""


class VerificationFailed(ProofError):
    """What is stored is not what the manifest says."""

    default_hint = "Run `backup-now` to store it afresh while the server lives."


class ManifestInvalid(ProofError):
    """A manifest is malformed, wrongly signed, or does not follow its predecessor."""


class RunIncomplete(LapseguardError):
    """Something was saved and is restorable, but not everything that was asked."""

    exit_code = ExitCode.INCOMPLETE
    default_hint = "`lapseguard show RUN` lists what is missing and why."


class Interrupted(LapseguardError):
    """A person or the service stopped it; what was finished is kept."""

    exit_code = ExitCode.INTERRUPTED
    default_hint = "Run it again; only what is missing is transferred."


def exit_code_for(error: BaseException) -> ExitCode:
    """The process exit code that reports `error`, whichever tree it comes from."""
    if isinstance(error, LapseguardError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED


def hint_for(error: BaseException) -> str:
    """What the operator does next about `error`."""
    if isinstance(error, LapseguardError | BackendError):
        return error.hint
    if isinstance(error, KeyboardInterrupt):
        return Interrupted.default_hint
    return "This is a defect of Lapseguard. Run again with -v and report the traceback."


def code_for(error: BaseException) -> str:
    """The stable name of `error` for programs and for the history."""
    if isinstance(error, LapseguardError | BackendError):
        return error.code
    return Interrupted.__name__ if isinstance(error, KeyboardInterrupt) else "InternalError"
