"""What a run is to store beside a server's files, by the server's record and the settings."""

from types import TracebackType
from typing import Self

from backends.capture.progress import CaptureProgress
from backends.types import PullSpec
from daemon.domain.server import Server
from daemon.services.additions import RunAdditions
from daemon.services.backup_tools import BackupObserver, BackupTools
from daemon.services.dumps import Dumping, DumpTools
from daemon.services.passport import PassportTaking
from daemon.services.request import slower
from daemon.services.stopping import Stopping


class Accompaniment:
    """The dumps and the passport of one run; a context manager.

    The server is asked for its passport from the beginning, while the repository is still being
    opened; its databases are dumped once there is a place for them.
    """

    def __init__(
        self,
        tools: BackupTools,
        server: Server,
        spec: PullSpec,
        stopping: Stopping,
        observer: BackupObserver,
    ) -> None:
        self._tools = tools
        self._server = server
        self._spec = spec
        self._stopping = stopping
        self._observer = observer
        self._passport = self._make_passport() if tools.passport else None

    def __enter__(self) -> Self:
        if self._passport is not None:
            self._passport.ask()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._passport is not None:
            self._passport.end()

    def plan(self, progress: CaptureProgress) -> RunAdditions:
        """For one capture."""
        tools, server = self._tools, self._server
        dumps = DumpTools(
            target=self._spec.target,
            now=tools.clock.now,
            stop=self._stopping.asked,
            rate=slower(tools.pull_rate, lambda: self._spec.bandwidth),
            progress=progress,
            warn=self._observer.warned,
            finish_by=tools.finish_by(server.name) if server.dumps else None,
        )
        return RunAdditions(dumping=Dumping(server.dumps, dumps), passport=self._passport)

    def _make_passport(self) -> PassportTaking:
        return PassportTaking(
            self._server.name,
            lambda: self._tools.open_shell(self._spec.target),
            now=self._tools.clock.now,
            stop=self._stopping.asked,
        )
