"""File systems made for a test in a folder of its own, on volumes that nobody else uses."""

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

MIB = 1 << 20
#: Our own commands write no archive of a group's metadata; those of the program under test do.
_QUIET = ("--quiet", "--yes", "--config", "backup { backup = 0 archive = 0 }")
_ARCHIVES = (Path("/etc/lvm/archive"), Path("/etc/lvm/backup"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A file system to take snapshots of.

    Attributes:
        kind: Of snapshot.
        name: For people.
        place: Where it is mounted.
        tight: Changes of a few MiB are more than a snapshot of it holds.
    """

    kind: str
    name: str
    place: Path
    tight: bool = False


#: Makes a ground in an empty folder, and removes every trace of it afterwards.
Maker = Callable[[Path], AbstractContextManager[Ground]]


@contextmanager
def thick_volume(folder: Path, *, fstype: str = "ext4", size: int, room: int) -> Iterator[Ground]:
    """A logical volume in a group of its own that has `room` bytes more (both in MiB)."""
    with _volume_group(folder, size + room + 8) as group, ExitStack() as undo:
        run("lvcreate", *_QUIET, "--size", f"{size}m", "--name", "srv", group)
        place = _mount_volume(folder, group, fstype, undo)
        name = f"LVM, thick, {fstype}" + (", little room" if room < size else "")
        yield Ground(kind="lvm", name=name, place=place, tight=room < size)


@contextmanager
def thin_volume(folder: Path) -> Iterator[Ground]:
    """A thin volume, larger than its pool."""
    with _volume_group(folder, 400) as group, ExitStack() as undo:
        run(
            *("lvcreate", *_QUIET, "--thin", "--size", "256m", "--virtualsize", "512m"),
            *("--name", "srv", f"{group}/pool"),
        )
        place = _mount_volume(folder, group, "ext4", undo)
        yield Ground(kind="lvm", name="LVM, thin, ext4", place=place)


@contextmanager
def dataset(folder: Path) -> Iterator[Ground]:
    """A ZFS pool in a file, with a dataset within the one that is saved."""
    pool, place = f"lapseguard{secrets.token_hex(4)}", folder / "mounted"
    image = _image(folder, 256)
    run("zpool", "create", "-O", f"mountpoint={place}", pool, str(image))
    try:
        run("zfs", "create", f"{pool}/inner")
        yield Ground(kind="zfs", name="ZFS", place=place)
    finally:
        _insist("zpool", "destroy", pool)


@contextmanager
def subvolumes(folder: Path) -> Iterator[Ground]:
    """A btrfs with a subvolume within."""
    with _loop_device(_image(folder, 300)) as device, ExitStack() as undo:
        run("mkfs.btrfs", "-q", device)
        place = _mount(device, folder / "mounted", undo)
        run("btrfs", "-q", "subvolume", "create", str(place / "inner"))
        yield Ground(kind="btrfs", name="btrfs", place=place)


def run(*argv: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(argv)}` failed: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def _volume_group(folder: Path, size: int) -> Iterator[str]:
    name = f"lapseguard-test-{secrets.token_hex(4)}"
    with _loop_device(_image(folder, size)) as device:
        run("pvcreate", *_QUIET, device)
        run("vgcreate", *_QUIET, name, device)
        try:
            yield name
        finally:
            _insist("vgremove", "--force", *_QUIET, name)
            for archive in (each for place in _ARCHIVES for each in place.glob(f"{name}*")):
                archive.unlink()


@contextmanager
def _loop_device(image: Path) -> Iterator[str]:
    device = run("losetup", "--find", "--show", str(image)).strip()
    try:
        yield device
    finally:
        _insist("losetup", "--detach", device)


def _mount_volume(folder: Path, group: str, fstype: str, undo: ExitStack) -> Path:
    # As findmnt(8) names it: the mapper doubles each dash of a name.
    device = f"/dev/mapper/{group.replace('-', '--')}-srv"
    run(f"mkfs.{fstype}", "-q", device)
    return _mount(device, folder / "mounted", undo)


def _mount(device: str, place: Path, undo: ExitStack) -> Path:
    place.mkdir()
    run("mount", device, str(place))
    undo.callback(partial(_insist, "umount", str(place)))
    return place


def _image(folder: Path, size: int) -> Path:
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(size * MIB)
    return image


def _insist(*argv: str) -> None:
    """On the way out: what was just let go may stay busy for a moment."""
    for _ in range(20):
        try:
            run(*argv)
        except RuntimeError as error:
            failure = error
            time.sleep(0.25)
        else:
            return
    raise failure
