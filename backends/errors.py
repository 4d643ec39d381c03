"""One error tree for everything that can go wrong outside the application's own rules.

    BackendError
    ├── StoreError
    │   ├── StoreUnreachable*   StoreThrottled*   StoreRefused      BucketMissing
    │   ├── ObjectMissing       ObjectCorrupt     ObjectExists      StoreFull
    │   ├── StoreMisconfigured  KeyInvalid
    ├── RepositoryError
    │   ├── RepositoryMissing   RepositoryExists  RepositoryLocked* RepositoryDamaged
    │   ├── WrongPassword       UnsupportedRepository               SnapshotMissing
    ├── SshError
    │   ├── HostUnreachable*    HostKeyChanged    HostKeyUnknown    LoginRefused
    │   ├── ConnectionLost*     RemoteCommandFailed                 SshTargetInvalid
    ├── TransferError
    │   ├── RsyncMissing        RsyncTooOld       SourcePathMissing SourceAccessDenied
    │   ├── TransferInterrupted*  BudgetExceeded  TransferFailed
    │   ├── SourcePathInvalid
    ├── SignatureInvalid
    └── LocalError
        ├── LocalDiskFull       LocalPathUnusable ProcessTimeout*   TargetNotEmpty
        ├── MemoryFault         ProcessFailed     ProcessStopped*   ProgramMissing
        ├── StagedContentGone*

`backends.source_errors` has what may go wrong with snapshots and dumps on a server and with its
provider, as further children of BackendError.

A star marks errors that are worth trying again unchanged (`retryable`). Every error says what
happened (its message), and what to do next (`hint`).
"""

from typing import ClassVar


class BackendError(Exception):
    """Something outside the program failed in a way the program understands."""

    #: Whether the same call may succeed later with nothing changed by a person.
    retryable: ClassVar[bool] = False
    #: What the operator does next, unless the raiser knows better.
    default_hint: ClassVar[str] = "Run the command again with -v for details."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint or self.default_hint

    @property
    def code(self) -> str:
        """The stable name recorded in the history, e.g. ``HostKeyChanged``."""
        return type(self).__name__


class StoreError(BackendError):
    """An object store did not do what was asked."""


class StoreUnreachable(StoreError):
    """The store did not answer, or the connection broke."""

    retryable = True
    default_hint = "Check the endpoint, DNS and firewall; `lapseguard store probe` shows details."


class StoreThrottled(StoreError):
    """The store asked us to slow down or failed on its side (429, 5xx)."""

    retryable = True
    default_hint = "The store is overloaded; the next attempt waits longer."


class StoreRefused(StoreError):
    """The credentials are wrong or do not allow this operation."""

    default_hint = "Check the access key, the secret key and the bucket policy."


class BucketMissing(StoreError):
    """The bucket or base folder does not exist."""

    default_hint = (
        "Create it, e.g. by `lapseguard store init --create`; or correct `url` in the settings."
    )


class ObjectMissing(StoreError):
    """No object has this key."""

    default_hint = "Run `lapseguard verify` to see what else is missing."


class ObjectCorrupt(StoreError):
    """What was sent or read does not have the promised checksum or length."""

    default_hint = "Read it again; if it stays wrong the object is damaged in the store."


class ObjectExists(StoreError):
    """A conditional put found that the key is taken."""


class StoreFull(StoreError):
    """The store has no room or a quota is used up."""

    default_hint = "Free space or raise the quota; finished packs are kept and will be reused."


class StoreMisconfigured(StoreError):
    """The settings of a store cannot work: endpoint, region, CA bundle, profile."""

    default_hint = "Correct this store's section in the settings, then `lapseguard store probe`."


class KeyInvalid(StoreError):
    """An object's name is not one that every store can hold."""


class RepositoryError(BackendError):
    """The restic-format repository cannot be used as asked."""


class RepositoryMissing(RepositoryError):
    """There is no repository at this place."""

    default_hint = "Check the URL; a first `backup-now` creates the repository."


class RepositoryExists(RepositoryError):
    """A repository is already there."""


class RepositoryLocked(RepositoryError):
    """Another program holds a lock that conflicts with ours."""

    retryable = True
    default_hint = "Wait for it to finish; `restic unlock` removes a lock whose owner is dead."


class RepositoryDamaged(RepositoryError):
    """Stored data is not what its name or its signature says."""

    default_hint = "Run `lapseguard repository check` to list everything that is damaged."


class WrongPassword(RepositoryError):
    """No key of the repository opens with this password."""

    default_hint = "Check `repository_password_file`; without a right password nothing is readable."


class UnsupportedRepository(RepositoryError):
    """The repository's format version is not one we know."""


class SnapshotMissing(RepositoryError):
    """No repository snapshot has this id, or the prefix is ambiguous."""

    default_hint = "List them with `lapseguard repository snapshots`."


class SshError(BackendError):
    """The server could not be reached or used over SSH."""


class HostUnreachable(SshError):
    """Nothing answers at that address and port in time."""

    retryable = True
    default_hint = "Check that the server runs, its address and port, and the firewall."


class HostKeyChanged(SshError):
    """The server shows another host key than the one pinned at enrolment."""

    default_hint = (
        "Someone may be in between, or the server was rebuilt. Compare the fingerprint with the "
        "provider's console; only then pin it: `lapseguard server update NAME --host-key …`."
    )


class HostKeyUnknown(SshError):
    """No host key is pinned for this server, or it offers none of the pinned kind."""

    default_hint = "Pin one with `lapseguard server update NAME --scan` or `--host-key`."


class LoginRefused(SshError):
    """The server did not accept our key for that user."""

    default_hint = "Put the line that `lapseguard init` printed into the user's authorized_keys."


class ConnectionLost(SshError):
    """The connection broke while in use."""

    retryable = True
    default_hint = "The next attempt continues from what has arrived."


class RemoteCommandFailed(SshError):
    """A command on the server ended with an error."""


class SshTargetInvalid(SshError):
    """An address, user, port, alias or key is not one that is safe to pass on to ssh."""

    default_hint = "Correct it: `lapseguard server update NAME …`."


class TransferError(BackendError):
    """The pull from the server did not deliver what was asked."""


class RsyncMissing(TransferError):
    """rsync is not installed, here or on the server; the message says where."""

    default_hint = "Install it: `apt-get install rsync`."


class RsyncTooOld(TransferError):
    """rsync here is below 3.2.4, the oldest that Lapseguard accepts."""

    default_hint = "Upgrade rsync; below 3.5 it also misses security fixes unless backported."


class SourcePathMissing(TransferError):
    """A path to be saved does not exist on the server."""

    default_hint = "Correct the paths: `lapseguard server update NAME --path …`."


class SourcePathInvalid(TransferError):
    """A path or pattern that cannot be asked of a server: relative, with `..` or a line break."""

    default_hint = "Name an absolute path, or save the folder above: `lapseguard server update`."


class SourceAccessDenied(TransferError):
    """The user on the server may not read some of what is to be saved."""

    default_hint = "Log in as a user that may read it, or allow rsync by sudo (`--sudo`)."


class TransferInterrupted(TransferError):
    """The pull broke off; what arrived is kept and the next attempt continues."""

    retryable = True
    default_hint = "Run it again; only what is missing is sent."


class TransferFailed(TransferError):
    """rsync gave up for a reason that trying again does not mend."""


class BudgetExceeded(TransferError):
    """The server sent more bytes or files, or took longer, than allowed."""

    default_hint = "If this is expected, raise the limit in the server's settings."


class SignatureInvalid(BackendError):
    """A signature is not what the named key makes of these bytes."""

    default_hint = "The bytes or the key were changed since; compare with an untouched copy."


class LocalError(BackendError):
    """Something on this machine."""


class LocalDiskFull(LocalError):
    """This machine ran out of space."""

    default_hint = "Free space under the state folder; finished packs are already safe."


class StagedContentGone(LocalError):
    """The data of a staged file was given back to the disk, and is not in the repository."""

    retryable = True
    default_hint = "Run the backup again: the server is then asked for this file once more."


class LocalPathUnusable(LocalError):
    """A folder or file here is missing, unreadable or unwritable."""


class ProcessTimeout(LocalError):
    """A program here took longer than it was given."""

    retryable = True


class ProcessFailed(LocalError):
    """A program here ended with an error, or printed more than it may."""


class ProcessStopped(LocalError):
    """A program here was ended because its caller was asked to stop."""

    retryable = True
    default_hint = "Nothing is wrong; the next attempt continues."


class ProgramMissing(LocalError):
    """A program that is needed is not installed here."""

    default_hint = "Install it and see that it is on PATH."


class TargetNotEmpty(LocalError):
    """A restore goes only into a new or empty folder."""

    default_hint = "Name an empty folder with --target."


class MemoryFault(LocalError):
    """What was encoded here does not decode to the same bytes again; it was not uploaded."""

    default_hint = "This machine's memory or processor may be faulty: test it before going on."
