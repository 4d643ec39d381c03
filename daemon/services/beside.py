"""What a run is to store beside a server's files, by the server's record and the settings."""

from collections.abc import Callable

from backends.capture.progress import CaptureProgress
from backends.types import PullSpec
from daemon.domain.server import Server
from daemon.services.additions import RunAdditions
from daemon.services.backup_tools import BackupTools
from daemon.services.dumps import Dumping, DumpTools
from daemon.services.passport import PassportTaking
from daemon.services.request import slower
from daemon.services.stopping import Stopping


def plan_additions(
    tools: BackupTools,
    server: Server,
    spec: PullSpec,
    stopping: Stopping,
    warn: Callable[[str], None],
) -> Callable[[CaptureProgress], RunAdditions]:
    """The server's dumps and its passport, to be begun once there is a progress to tell."""

    def plan(progress: CaptureProgress) -> RunAdditions:
        dump_tools = DumpTools(
            target=spec.target,
            now=tools.clock.now,
            stop=stopping.asked,
            rate=slower(tools.pull_rate, lambda: spec.bandwidth),
            progress=progress,
            warn=warn,
            finish_by=tools.finish_by(server.name) if server.dumps else None,
        )
        passport = PassportTaking(
            server.name,
            lambda: tools.open_shell(spec.target),
            now=tools.clock.now,
            stop=stopping.asked,
        )
        return RunAdditions(
            dumping=Dumping(server.dumps, dump_tools), passport=passport if tools.passport else None
        )

    return plan
