"""Restores a run to a replacement server: through a staging folder, by rsync over SSH, and proven.

The staging folder holds everything in disguise, so no root is needed here; owners, devices and
the like need root, or sudo, on the server. After the push both sides hash every file: what is
reported as done has been compared on the server itself.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from backends.errors import RemoteCommandFailed, TargetNotEmpty
from backends.process import Finished, readable
from backends.repository.marker import is_marker, marker_name
from backends.repository.parts import PER_ENTRY, Part
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
#: Of the room that is free.
_SHARE: Final = 0.9
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
        staging_limit: Bytes that may be staged at a time; None: nearly all that are free.
    """

    target: SshTarget
    destination: str
    sudo: bool = False
    overwrite: bool = False
    include: tuple[RawPath, ...] = ()
    exclude: tuple[RawPath, ...] = ()
    bandwidth: int | None = None
    staging_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementReport:
    """What came of it.

    Attributes:
        restored: What was restored to staging.
        pushed: What was sent.
        differences: What is not on the server as it should be.
        parts: How many times staging was filled; beyond one, hard links between parts are lost.
    """

    restored: RestoreReport
    pushed: PushReport
    differences: tuple[Omission, ...]
    parts: int = 1

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
        LocalDiskFull: staging has no room for it, not even part by part.
        SshError, TransferError, StoreError, RepositoryError, LocalError.
    """
    image = staging_folder(restoration, order, scratch)
    local = RestoreOrder(target=image, include=order.include, exclude=order.exclude)
    with RemoteShell(order.target) as shell:
        place = _Destination(shell, order, os.fsdecode(marker_name(restoration.tree)))
        place.look()
        total = restoration.preview(local)
        room = order.staging_limit or _room(image, scratch)
        parts = _parts(restoration, local, total, room)
        with watcher.restoring(total) as step:
            work = _Work(restoration, order, local, place, watcher, stop, step)
            reports = [work.run(number, part) for number, part in enumerate(parts)]
        watcher.stage("waiting until it is on the server's disk")
        done = merge_reports(reports, total)
        place.finish(whole=not done.differences)
    if not done.differences:
        shutil.rmtree(image, ignore_errors=True)
    return done


def staging_folder(restoration: Restoration, order: ReplacementOrder, scratch: Path) -> Path:
    """Where a restore to this server is staged; the same for the same order."""
    facts = (order.target.host, str(order.target.port), order.destination)
    patterns = (*order.include, b"--", *order.exclude)
    text = b"\0".join((restoration.tree, *(fact.encode() for fact in facts), *patterns))
    return scratch / f"push-{hashlib.sha256(text).hexdigest()[:16]}"


def _room(image: Path, scratch: Path) -> int:
    """Bytes that may be staged: what is free, and what an interrupted push holds already."""
    left = sum(path.lstat().st_blocks * 512 for path in image.rglob("*")) if image.is_dir() else 0
    room = os.statvfs(scratch)
    return int((left + room.f_bavail * room.f_frsize) * _SHARE)


def _parts(
    restoration: Restoration, order: RestoreOrder, total: RestorePreview, room: int
) -> Iterator[Part | None]:
    """Everything at once where it fits, which keeps all hard links; else part by part."""
    entries = total.files + total.folders + total.others
    if total.bytes + entries * PER_ENTRY <= room:
        return iter((None,))
    return restoration.cut(order, room)


@dataclass(frozen=True, slots=True)
class _Work:
    """Restores, pushes and compares one part after the other."""

    restoration: Restoration
    order: ReplacementOrder
    local: RestoreOrder
    place: "_Destination"
    watcher: ReplacementWatcher
    stop: threading.Event
    step: Callable[[RestoreProgress], None]

    def run(self, number: int, part: Part | None) -> ReplacementReport:
        """One part; what is staged of it is removed once it has been compared there."""
        image = self.local.target if part is None else self.local.target / f"part-{number}"
        local = replace(self.local, target=image)
        restored = self.restoration.restore(local, self.step, disguised=True, part=part)
        self.place.claim()
        pushed, differences = _push(self.order, image, self.watcher, self.stop)
        if part is not None and not differences:
            shutil.rmtree(image)
        return ReplacementReport(restored=restored, pushed=pushed, differences=differences)


def merge_reports(reports: Sequence[ReplacementReport], total: RestorePreview) -> ReplacementReport:
    """The parts as one; patterns that nothing fits are failures. Pure."""
    if len(reports) == 1:
        return reports[0]
    restored = [report.restored for report in reports]
    missing = (
        Omission(path=path, reason="the snapshot has no such path") for path in total.missing
    )
    whole = RestoreReport(
        files=sum(each.files for each in restored),
        bytes=sum(each.bytes for each in restored),
        links=sum(each.links for each in restored),
        folders=total.folders,
        others=sum(each.others for each in restored),
        skipped=tuple(found for each in restored for found in each.skipped),
        failures=(*missing, *(found for each in restored for found in each.failures)),
        shortfalls=tuple(found for each in restored for found in each.shortfalls),
    )
    pushed = PushReport(
        files=sum(report.pushed.files for report in reports),
        bytes=sum(report.pushed.bytes for report in reports),
        omissions=tuple(found for report in reports for found in report.pushed.omissions),
    )
    differences = tuple(found for report in reports for found in report.differences)
    return ReplacementReport(
        restored=whole, pushed=pushed, differences=differences, parts=len(reports)
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
