"""One claimed run of one server, as all of its steps know it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backends.protocols import SourcePull, StopSignal
from backends.repository.key_ahead import KeyAhead
from backends.rsync.brake import Room
from backends.types import PullSpec
from daemon.domain.contract import Contract
from daemon.domain.server import Server
from daemon.domain.verification import Depth
from daemon.services.backup_tools import BackupObserver, BackupTools
from daemon.services.claim import Claim
from daemon.services.request import pull_spec
from daemon.services.stopping import Stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a run is about, and what it works with.

    Attributes:
        tools: With what the server's record says in place of the settings.
        server: What is saved.
        contracts: What keeps it alive.
        observer: Is told how it goes.
        claim: On the run; its state is kept there.
        depth: How deep to verify.
        bandwidth: Bytes a second at most, besides the server's own limit.
        precious: Paths to be stored before the rest.
        ahead: The repository's key, in the making.
    """

    tools: BackupTools
    server: Server
    contracts: tuple[Contract, ...]
    observer: BackupObserver
    claim: Claim
    depth: Depth
    bandwidth: int | None
    precious: tuple[str, ...]
    ahead: KeyAhead

    @property
    def stopping(self) -> Stopping:
        """How this run is told to end before its time."""
        return self.claim.lease.stopping

    def pull_into(self, image: Path) -> PullSpec:
        """What is asked of the server."""
        return pull_spec(self.server, image, self.tools.identity, self.bandwidth)

    def make_pull(
        self, journal: Callable[[bytes], object], stop: StopSignal, room: Room
    ) -> SourcePull:
        """A pull, as fast as this run may be."""
        return self.tools.make_pull(journal, stop, room, self.tools.pull_rate)
