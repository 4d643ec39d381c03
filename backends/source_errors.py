"""What may go wrong with snapshots and dumps on a server, and with its provider.

    BackendError
    ├── SnapshotError
    │   ├── SnapshotUnsupported SnapshotDenied    SnapshotNoSpace   SnapshotBusy*
    │   ├── SnapshotFailed      SnapshotLost      SourcePathLeaves  HookFailed
    ├── DumpError
    │   ├── DumpFailed          DumpInvalid
    └── ProviderError
        ├── ProviderUnreachable*  ProviderThrottled*  ProviderRefused
        ├── ProviderTargetMissing ProviderSnapshotFailed  ProviderSnapshotPending*

A star marks errors that are worth trying again unchanged, as in `backends.errors`.
"""

from backends.errors import BackendError


class SnapshotError(BackendError):
    """A server's file systems could not be frozen, or did not stay so."""


class SnapshotUnsupported(SnapshotError):
    """The file system, or the server, has no snapshots of the kind asked for."""

    default_hint = "Take the kind `auto`, or read live: `lapseguard server freeze NAME --or-live`."


class SnapshotDenied(SnapshotError):
    """The login may not make snapshots."""

    default_hint = "Allow the commands by sudo: deploy/ has a sudoers file that lists them."


class SnapshotNoSpace(SnapshotError):
    """There is no room on the server for what changes while the snapshot is held."""

    default_hint = "Free space in the volume group or file system; the message says how much."


class SnapshotBusy(SnapshotError):
    """Something holds what is to be frozen or released."""

    retryable = True
    default_hint = "The next attempt tries again; `lsof` on the server names who holds it."


class SnapshotFailed(SnapshotError):
    """A command of the snapshot ended with an error that has no name of its own."""


class SnapshotLost(SnapshotError):
    """A snapshot did not last as long as the pull; what was read before counts, nothing after."""

    retryable = True
    default_hint = (
        "Free room for it in the server's volume group or pool, or back up in quieter hours."
    )


class SourcePathLeaves(SnapshotError):
    """A path leads through a symbolic link out of what would be frozen."""

    default_hint = "Name the path that the link leads to: `lapseguard server update NAME --path`."


class HookFailed(SnapshotError):
    """A command of the operator's own, before or after a capture, failed or took too long."""

    default_hint = "Run it by hand on the server; its output is in the message."


class DumpError(BackendError):
    """A database on the server did not give a copy of itself."""


class DumpFailed(DumpError):
    """The program that dumps ended with an error, or what it printed is not whole."""

    default_hint = "Run the command by hand on the server; the message has what it said."


class DumpInvalid(DumpError):
    """A dump is described in a way that cannot be run or named."""

    default_hint = "Correct its name and its command."


class ProviderError(BackendError):
    """A hosting provider's own interface did not do what was asked."""


class ProviderUnreachable(ProviderError):
    """The provider's interface did not answer."""

    retryable = True
    default_hint = "Check the network, the region and the endpoint."


class ProviderThrottled(ProviderError):
    """The provider asked us to slow down, or failed on its side."""

    retryable = True
    default_hint = "The next attempt waits longer."


class ProviderRefused(ProviderError):
    """The credentials are wrong, or do not allow this, or a quota is used up."""

    default_hint = "Check the credentials and what they are allowed; deploy/ has a policy."


class ProviderTargetMissing(ProviderError):
    """The provider knows no such machine, or it has no volume that can be copied."""

    default_hint = "Compare the id with the provider's console."


class ProviderSnapshotFailed(ProviderError):
    """The provider began a snapshot and gave it up, or it is not there any more."""

    default_hint = "The provider's console may say why; the next attempt makes a new one."


class ProviderSnapshotPending(ProviderError):
    """A snapshot was not finished in the time that it was given; it goes on over there."""

    retryable = True
    default_hint = "Look again later; what is finished by then counts."
