"""What a backup works with, and who is told how it goes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from backends.capture.progress import CaptureProgress
from backends.pacing import Rate
from backends.protocols import SourcePull, StopSignal
from backends.rsync.brake import Room
from backends.snapshot.watch import INTERVAL
from backends.types import PullSpec, SshTarget
from daemon.clock import Clock
from daemon.domain.run import Run
from daemon.domain.verification import Depth
from daemon.secrets import Secret
from daemon.services.lease import LEASE
from daemon.services.proof_watcher import ProofWatcher
from daemon.services.tuning import Tuning
from daemon.services.units import Units

if TYPE_CHECKING:  # heavy, and needed by nobody before the pull has begun
    from backends.signing import SigningKey
    from backends.snapshot.commands import Shell
    from daemon.services.destination import Destination, Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupTools:
    """What a backup works with; `bootstrap` puts it together.

    Attributes:
        units: Opens transactions.
        clock: The time.
        random: So many unpredictable bytes.
        store_name: What a store (None: the default one) is called.
        repository_url: Where the repository in a store of a server is, both by name.
        destination: The same repository, to be opened.
        read_password: Fetches the password of the repositories in a store; raises SecretError.
        make_pull: Makes the pull from its journal, what may stop it, its room and its rate.
        measure: Asks a server how much there is to pull.
        open_shell: Logs in to a server to freeze it, or to ask it for its passport.
        pull_rate: How fast files and dumps may come, besides the server's own limit.
        timezone: IANA zone of the times in servers' own rates.
        finish_by: When runs of a server have to be over, or None.
        passport: Take a passport with every capture.
        signing_key: Reads the key that signs manifests.
        staging: Folder above all staging folders.
        identity: SSH key of servers that name none.
        owner: Who we are, for the lease; see `name_owner`.
        depth: How deep runs are verified where the server does not say.
        tuning: See `Tuning`.
        lease: After so long without a renewal, others may take a run over.
        watch_every: Seconds between two looks at a snapshot that can be lost.
    """

    units: Units
    clock: Clock
    random: Callable[[int], bytes]
    store_name: Callable[[str | None], str]
    repository_url: Callable[[str | None, str], str]
    destination: "Callable[[str | None, str, Patience], Destination]"
    read_password: Callable[[str | None], Secret]
    make_pull: Callable[[Callable[[bytes], object], StopSignal, Room, Rate], SourcePull]
    measure: Callable[[PullSpec], int | None]
    open_shell: "Callable[[SshTarget], AbstractContextManager[Shell]]"
    pull_rate: Rate
    finish_by: Callable[[str], datetime | None]
    passport: bool
    signing_key: "Callable[[], SigningKey]"
    staging: Path
    identity: Path
    owner: str
    depth: Depth
    tuning: Tuning
    timezone: str = "UTC"
    lease: timedelta = LEASE
    watch_every: float = INTERVAL


class BackupObserver(ProofWatcher, Protocol):
    """Is told how a backup goes: a terminal, a log, or nobody."""

    def entered(self, run: Run, /) -> None:
        """The run is in another state."""

    @property
    def wants_estimate(self) -> bool:
        """Whether time left is shown to somebody, so that asking the server for sizes pays."""

    def capturing(self, progress: CaptureProgress, /) -> AbstractContextManager[None]:
        """Data flows for as long as the block lasts."""

    def warned(self, message: str, /) -> None:
        """Something deserves attention and does not end the run."""
