"""Freezes real volumes: loop devices, groups and pools that it makes itself, and nothing else.

    python -m tests.volumes [lvm] [zfs] [btrfs] [--borrowed-kernel]

Needs root, sshd and rsync. What this machine cannot do is told as `skipped: …`. With
`--borrowed-kernel` all of it runs below Debian's user-mode-linux, whose kernel has LVM where that
of this machine has not. Exits with 0 where everything held, 1 where something did not, and 77
where nothing at all could be tried.
"""

import argparse
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.throwaway_sshd import Sshd
from tests.volumes.borrowed_kernel import run_borrowed
from tests.volumes.ground import Maker, dataset, subvolumes, thick_volume, thin_volume
from tests.volumes.stories import stories_of, tell

_SKIPPED = 77
_GROUNDS: dict[str, tuple[Maker, ...]] = {
    "lvm": (
        partial(thick_volume, size=64, room=200),
        partial(thick_volume, fstype="xfs", size=320, room=330),
        thin_volume,
        partial(thick_volume, size=64, room=20),
    ),
    "zfs": (dataset,),
    "btrfs": (subvolumes,),
}
_PROGRAMS = {
    "lvm": {
        "lvcreate": "lvm2",
        "mkfs.xfs": "xfsprogs",
        "thin_check": "thin-provisioning-tools",
    },
    "zfs": {"zpool": "zfsutils-linux"},
    "btrfs": {"mkfs.btrfs": "btrfs-progs"},
}
#: What shows that the kernel has it: a file, and a word in it.
_KERNEL = {
    "lvm": (Path("/proc/misc"), "device-mapper"),
    "zfs": (Path("/proc/filesystems"), "zfs"),
    "btrfs": (Path("/proc/filesystems"), "btrfs"),
}


def main(arguments: list[str]) -> int:
    """Try what was asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.volumes")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="lvm, zfs or btrfs; else all")
    parser.add_argument("--borrowed-kernel", action="store_true", help="by user-mode-linux")
    chosen = parser.parse_args(arguments)
    kinds = chosen.kinds or list(_GROUNDS)
    if unknown := set(kinds) - set(_GROUNDS):
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    if chosen.borrowed_kernel:
        return run_borrowed(kinds)
    codes = {code for kind in kinds for code in _try(kind)}
    return 1 if 1 in codes else 0 if 0 in codes else _SKIPPED


def _try(kind: str) -> Iterator[int]:
    if missing := "; ".join(_missing(kind)):
        print(f"skipped: {kind}: {missing}", flush=True)
        yield _SKIPPED
        return
    for maker in _GROUNDS[kind]:
        with tempfile.TemporaryDirectory(prefix="lapseguard-volumes-") as folder:
            yield from _tell_all(maker, Path(folder))


def _missing(kind: str) -> Iterator[str]:
    """Why a kind cannot be tried here."""
    if os.geteuid() != 0:
        yield "only root may make volumes"
    for program, package in {**_PROGRAMS[kind], "rsync": "rsync", "sshd": "openssh-server"}.items():
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            yield f"{program} is missing (apt-get install {package})"
    file, word = _KERNEL[kind]
    if word not in file.read_text():
        yield f"this kernel has no {word}"


def _tell_all(maker: Maker, folder: Path) -> Iterator[int]:
    disks = folder / "disks"
    disks.mkdir()
    with maker(disks) as ground, Sshd(folder / "sshd") as sshd:
        for story in stories_of(ground):
            words = story.__name__.replace("_", " ")
            try:
                tell(story, ground, sshd, folder / "captures")
            except Exception:  # noqa: BLE001 - whatever went wrong is told, and the next one tried
                traceback.print_exc()
                print(f"FAILED: {ground.name}: {words}", flush=True)
                yield 1
            else:
                print(f"holds: {ground.name}: {words}", flush=True)
                yield 0


sys.exit(main(sys.argv[1:]))
