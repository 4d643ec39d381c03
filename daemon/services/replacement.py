"""Restores a run to a replacement server: through a staging folder, by rsync over SSH, and proven.

The staging folder holds everything in disguise, so no root is needed here; owners, devices and
the like need root, or sudo, on the server. After the push both sides hash every file: what is
reported as done has been compared on the server itself.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from backends.errors import LocalDiskFull, RemoteCommandFailed, TargetNotEmpty
from backends.process import Finished, readable
from backends.repository.marker import is_marker, marker_name
from backends.repository.restore_report import RestoreProgress, RestoreReport
from backends.rsync.push import PushReport, RsyncPush
from backends.rsync.push_command import PushSpec, check_destination
from backends.shell import RemoteShell
from backends.types import Omission, SshTarget
from daemon.domain.pathtext import RawPath
from daemon.services.restoration import Restoration, RestoreOrder
from daemon.services.restore_preview import RestorePreview

_LOOK_SECONDS: Final = 60.0
_SYNC_SECONDS: Final = 1800.0
#: Room that a file takes beyond its bytes, its attributes included.
_PER_FILE: Final = 8192
_SHOWN: Final = 5


class ReplacementWatcher(Protocol):
    """Is told how it goes on."""

    def restoring(
        self, total: RestorePreview, /
    ) -> AbstractContextManager[Callable[[RestoreProgress], None]]:
        """So much is restored to staging; the step takes what is done by now."""

    def stage(self, what: str, /) -> None:
        """Something else begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementOrder:
    """Where to, and what.

    Attributes:
        target: How to log in.
        destination: Absolute folder on the server; made where it is not there.
        sudo: Write by `sudo -n`.
        overwrite: Go into a folder that holds something else: files of the same names are
            replaced, others are left alone.
        include: See `RestoreOrder`.
        exclude: Likewise.
        bandwidth: Bytes a second, or None.
    """

    target: SshTarget
    destination: str
    sudo: bool = False
    overwrite: bool = False
    include: tuple[RawPath, ...] = ()
    exclude: tuple[RawPath, ...] = ()
    bandwidth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementReport:
    """What came of it.

    Attributes:
        restored: What was restored to staging.
        pushed: What was sent.
        differences: What is not on the server as it should be.
    """

    restored: RestoreReport
    pushed: PushReport
    differences: tuple[Omission, ...]

    @property
    def complete(self) -> bool:
        """Whether everything wanted is on the server, compared there."""
        return self.restored.complete and not self.differences and not self.pushed.omissions


def restore_to_server(
    restoration: Restoration,
    order: ReplacementOrder,
    scratch: Path,
    watcher: ReplacementWatcher,
    stop: threading.Event,
) -> ReplacementReport:
    """Restore to the server; what an interruption left here and there is gone on with.

    Raises:
        TargetNotEmpty: something else is in the folder on the server.
        LocalDiskFull: staging has no room for it.
        SshError, TransferError, StoreError, RepositoryError, LocalError.
    """
    image = staging_folder(restoration, order, scratch)
    local = RestoreOrder(target=image, include=order.include, exclude=order.exclude)
    with RemoteShell(order.target) as shell:
        place = _Destination(shell, order, os.fsdecode(marker_name(restoration.tree)))
        place.look()
        total = restoration.preview(local)
        _require_room(total, image, scratch)
        with watcher.restoring(total) as step:
            restored = restoration.restore(local, step, disguised=True)
        place.claim()
        pushed, differences = _push(order, image, watcher, stop)
        watcher.stage("waiting until it is on the server's disk")
        place.finish(whole=not differences)
    if not differences:
        shutil.rmtree(image)
    return ReplacementReport(restored=restored, pushed=pushed, differences=differences)


def staging_folder(restoration: Restoration, order: ReplacementOrder, scratch: Path) -> Path:
    """Where a restore to this server is staged; the same for the same order."""
    facts = (order.target.host, str(order.target.port), order.destination)
    patterns = (*order.include, b"--", *order.exclude)
    text = b"\0".join((restoration.tree, *(fact.encode() for fact in facts), *patterns))
    return scratch / f"push-{hashlib.sha256(text).hexdigest()[:16]}"


def _require_room(total: RestorePreview, image: Path, scratch: Path) -> None:
    if image.is_dir():
        return  # some of it is there; the restore itself says when nothing more fits
    needed = total.bytes + total.files * _PER_FILE
    room = os.statvfs(scratch)
    if needed > room.f_bavail * room.f_frsize:
        raise LocalDiskFull(
            f"The restore needs {needed >> 20:,} MiB in {scratch} on its way to the server.",
            hint="Restore parts by --include one after the other, or choose another --staging.",
        )


def _push(
    order: ReplacementOrder, image: Path, watcher: ReplacementWatcher, stop: threading.Event
) -> tuple[PushReport, tuple[Omission, ...]]:
    names = sorted(name for name in os.listdir(os.fsencode(image)) if not is_marker(name))  # noqa: PTH208 - raw names
    spec = PushSpec(
        target=order.target,
        image=str(image),
        names=tuple(names),
        destination=order.destination,
        sudo=order.sudo,
        bandwidth=order.bandwidth,
    )
    if not names:
        return PushReport(files=0, bytes=0, omissions=()), ()
    push = RsyncPush(stop)
    watcher.stage(f"pushing to {order.target.host}")
    pushed = push.push(spec)
    watcher.stage("comparing every file on the server")
    differences = push.compare(spec)
    if differences and not pushed.omissions:
        # What was there before may look equal by size and time only.
        pushed = push.push(spec, checksum=True)
        differences = push.compare(spec)
    return pushed, differences


class _Destination:
    """The folder on the server, through a shell."""

    def __init__(self, shell: RemoteShell, order: ReplacementOrder, marker: str) -> None:
        self._shell = shell
        self._order = order
        self._marker = marker
        self._path = check_destination(order.destination)

    def look(self) -> None:
        """Refuse a folder with something else in it. Raises TargetNotEmpty."""
        found = self._run("ls", "-A", "--", self._path)
        names = readable(found.stdout).splitlines()
        there = found.exit_code == 0 and bool(names)
        if there and not self._order.overwrite and self._marker not in names:
            raise TargetNotEmpty(
                f"{self._path} on {self._order.target.host} is not empty: "
                f"{', '.join(names[:_SHOWN])}.",
                hint="Name an empty folder, or replace what has the same names: --overwrite.",
            )

    def claim(self) -> None:
        """Make the folder, and mark it as being restored into."""
        self._require("mkdir", "-p", "--", self._path)
        self._require("touch", "--", f"{self._path.rstrip('/')}/{self._marker}")

    def finish(self, *, whole: bool) -> None:
        """Take the mark away where all is there, and wait for the server's disk."""
        if whole:
            self._require("rm", "-f", "--", f"{self._path.rstrip('/')}/{self._marker}")
        self._run("sync", seconds=_SYNC_SECONDS)

    def _require(self, *argv: str) -> None:
        done = self._run(*argv)
        if done.exit_code:
            said = readable(done.stderr).strip() or f"exit code {done.exit_code}"
            raise RemoteCommandFailed(f"`{argv[0]}` on {self._order.target.host} failed: {said}")

    def _run(self, *argv: str, seconds: float = _LOOK_SECONDS) -> Finished:
        prefix = ("sudo", "-n") if self._order.sudo else ()
        return self._shell.run((*prefix, *argv), seconds)
