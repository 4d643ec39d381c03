"""A real btrfs on a loop device, for tests that freeze it; needs root and a kernel that has it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.requirement import require, require_program

__all__ = ["btrfs", "subvolume"]

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, not a shared file


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    """The mount point of an empty file system."""
    require(os.geteuid() == 0, "the right to mount", "run the tests as root")
    require_program("mkfs.btrfs", "btrfs-progs")
    require("btrfs" in Path("/proc/filesystems").read_text(), "btrfs", "a kernel with btrfs")
    place = tmp_path / "disk"
    place.mkdir()
    # Snapshots are synced to the disk, which takes a real one most of a second each.
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        image = Path(folder) / "disk.img"
        with image.open("wb") as file:
            file.truncate(300 << 20)
        _run("mkfs.btrfs", "-q", str(image))
        _run("mount", "-o", "loop", str(image), str(place))
        yield place
        for target in reversed(_mounted_from(image)):
            _run("umount", target)


def subvolume(place: Path) -> Path:
    """Make a subvolume."""
    _run("btrfs", "-q", "subvolume", "create", str(place))
    return place


def _mounted_from(image: Path) -> list[str]:
    """Where the image is mounted, views included: one that a failed test left, too."""
    device = _run("losetup", "-n", "-O", "NAME", "-j", str(image)).strip()
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return [words[1] for words in mounts if device and words[0] == device]


def _run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
