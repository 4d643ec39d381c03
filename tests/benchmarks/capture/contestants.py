"""What an operator would use today: rsync, restic behind it, rclone, tar through a pipe."""

import enum
import shlex
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from backends.rsync.command import Removal, Scratch, rsync_argv
from backends.rsync.scratch import WITHIN
from backends.types import PullSpec, SshTarget
from tests.benchmarks.capture.measure import Command, Cost, Far, Meet, measure, run
from tests.benchmarks.capture.rig import Rig
from tests.benchmarks.capture.trees import Tree
from tests.parts.object_servers import find_program

#: rclone asks and copies file by file: for many small ones it takes minutes.
_RCLONE_FILES = 1000


class Step(enum.Enum):
    """How a tree stands to what was saved before."""

    FIRST = "first"
    CHANGED = "1 % changed"
    UNCHANGED = "unchanged"


class Contestant(ABC):
    """One way of saving one tree, from nothing and then again.

    Attributes:
        name: For tables.
    """

    name: str

    def begin(self) -> None:  # noqa: B027 - nothing has to be
        """Make what has to be there before the first run; not measured."""

    def prepare(self, step: Step) -> None:  # noqa: B027 - nothing has to be
        """Bring up what is up before the clock starts; not measured."""

    def does(self, step: Step) -> bool:
        """Whether a step would show anything that another one does not."""
        del step
        return True

    @abstractmethod
    def command(self, step: Step) -> Command:
        """The run of a step."""

    def save(self, step: Step, look: Callable[[], Far], meet: Meet = lambda _pid: None) -> Cost:
        """Do a step, and say what it took. Raises CommandFailed."""
        return measure(self.command(step), look, meet)

    def stored(self) -> int | None:
        """Bytes in the store by now; None of those that store nothing."""
        return None

    @abstractmethod
    def end(self) -> None:
        """Throw everything away."""


#: Makes a contestant for a tree, with a label that nothing else in the rig has.
Enter = Callable[[Rig, Tree, str], Contestant]


class Rsync(Contestant):
    """`rsync -aHAX` into a folder: the floor, since nothing is stored."""

    name = "rsync alone"

    def __init__(self, rig: Rig, tree: Tree, label: str) -> None:
        self._rig, self._tree = rig, tree
        self.staging = rig.scratch / f"rsync-{label}"

    def begin(self) -> None:
        self.staging.mkdir()

    def command(self, _step: Step) -> Command:
        return Command(argvs=(self.pull(),))

    def pull(self) -> tuple[str, ...]:
        """What an operator would type."""
        source = f"{self._rig.login}:{self._tree.path}/"
        return ("rsync", "-aHAX", "--delete", "-e", self._rig.ssh, source, f"{self.staging}/")

    def end(self) -> None:
        shutil.rmtree(self.staging)


class OurRsync(Contestant):
    """The same files by rsync as Lapseguard calls it, with nothing beside it.

    It keeps owners without being root, compares times to the nanosecond, has checksums of what
    was sent, and after the first time the names of all that there is. Only a survey of the image,
    which brings it into the cache meanwhile, can make that quicker.
    """

    name = "rsync alone, called as by lapseguard"

    def __init__(self, rig: Rig, tree: Tree, label: str) -> None:
        self._rig, self._tree = rig, tree
        self._folder = rig.scratch / f"called-{label}"

    def begin(self) -> None:
        for name in (f"image/{WITHIN}", "partial"):
            (self._folder / name).mkdir(parents=True)

    def command(self, step: Step) -> Command:
        host = self._rig.host
        target = SshTarget(
            alias="bench",
            host=host.host,
            port=host.port,
            user=host.user,
            identity=str(host.identity),
            host_key="",
        )
        argv = rsync_argv(
            PullSpec(
                target=target, paths=(str(self._tree.path),), staging=str(self._folder / "image")
            ),
            ssh=shlex.split(self._rig.ssh),
            scratch=Scratch(incoming=WITHIN, partial=str(self._folder / "partial")),
            removal=Removal.NONE if step is Step.FIRST else Removal.BY_NAME,
        )
        return Command(argvs=(argv,))

    def end(self) -> None:
        shutil.rmtree(self._folder)


class RsyncThenRestic(Contestant):
    """The same, and when it is done `restic backup` of the folder."""

    name = "rsync + restic"

    def __init__(self, rig: Rig, tree: Tree, label: str) -> None:
        self._rsync = Rsync(rig, tree, f"restic-{label}")
        self._rig, self.prefix = rig, f"restic-{label}"

    @property
    def staging(self) -> Path:
        """Where rsync delivers to."""
        return self._rsync.staging

    @property
    def env(self) -> dict[str, str]:
        """Of restic."""
        return self._rig.restic(self.prefix)

    def begin(self) -> None:
        self._rsync.begin()
        run(("restic", "init", "-q"), self.env)

    def command(self, _step: Step) -> Command:
        backup = ("restic", "backup", "-q", str(self._rsync.staging))
        return Command(argvs=(self._rsync.pull(), backup), env=self.env)

    def stored(self) -> int | None:
        return self._rig.stored(self.prefix)

    def end(self) -> None:
        self._rsync.end()
        self._rig.forget(self.prefix)


class RcloneSync(Contestant):
    """`rclone sync` from SFTP to S3: nothing compressed, encrypted or kept of older versions."""

    name = "rclone sync"

    def __init__(self, rig: Rig, tree: Tree, label: str) -> None:
        self._rig, self._tree, self.prefix = rig, tree, f"rclone-{label}"

    def does(self, _step: Step) -> bool:
        return self._tree.files <= _RCLONE_FILES

    def command(self, _step: Step) -> Command:
        source, target = f"src:{self._tree.path}", f"dst:{self._rig.bucket}/{self.prefix}"
        return Command(argvs=((rclone(), "sync", source, target),), env=rclone_remotes(self._rig))

    def stored(self) -> int | None:
        return self._rig.stored(self.prefix)

    def end(self) -> None:
        self._rig.forget(self.prefix)


class TarPipe(Contestant):
    """`ssh tar | zstd | rclone rcat`: one object, each time in full, nothing encrypted."""

    name = "tar | zstd | rclone rcat"

    def __init__(self, rig: Rig, tree: Tree, label: str) -> None:
        self._rig, self._tree, self.prefix = rig, tree, f"tar-{label}"

    def does(self, step: Step) -> bool:
        # Again, it would send and store everything once more.
        return step is Step.FIRST

    def command(self, _step: Step) -> Command:
        rig, target = self._rig, f"dst:{self._rig.bucket}/{self.prefix}/tree.tar.zst"
        line = (
            f"{rig.ssh} {rig.login} tar -C '{self._tree.path}' -cf - . "
            f"| zstd -q -T0 -c | '{rclone()}' rcat '{target}'"
        )
        argv = ("bash", "-o", "pipefail", "-c", line)
        return Command(argvs=(argv,), env=rclone_remotes(rig))

    def stored(self) -> int | None:
        return self._rig.stored(self.prefix)

    def end(self) -> None:
        self._rig.forget(self.prefix)


def rclone() -> str:
    """The program, which may lie beside the Python that runs this."""
    return find_program("rclone") or "rclone"


def rclone_remotes(rig: Rig) -> dict[str, str]:
    """Both ends as rclone wants to hear of them, without a file."""
    source = {"type": "sftp", "host": rig.host.host, "user": rig.host.user}
    source |= {"port": str(rig.host.port), "key_file": str(rig.host.identity)}
    target = {"type": "s3", "provider": "Other", "endpoint": rig.store.endpoint}
    target |= {"access_key_id": rig.store.access_key, "secret_access_key": rig.store.secret_key}
    target |= {"force_path_style": "true", "no_check_bucket": "true"}
    named = {
        f"RCLONE_CONFIG_{remote}_{key}".upper(): value
        for remote, settings in (("src", source), ("dst", target))
        for key, value in settings.items()
    }
    return {"RCLONE_CONFIG": str(Path("/dev/null")), **named}
