"""Which file systems a server's paths live on, as `findmnt` tells it. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backends.source_errors import (
    SnapshotFailed,
)

#: Lists every mount of the server; `-v` leaves out the `[/subvolume]` behind a source.
FINDMNT = ("findmnt", "-J", "-l", "-v", "-o", "TARGET,SOURCE,FSTYPE,FSROOT,OPTIONS")

#: What holds no data of its own. A live pull of `/` needs excludes for these; a view leaves them
#: out, since nothing mounts them there.
_PSEUDO = frozenset(
    (
        *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts"),
        *("devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore"),
        *("rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One mounted file system.

    Attributes:
        target: Where it is mounted.
        source: Its device, dataset or other name.
        fstype: `ext4`, `btrfs`, `zfs` and so on.
        fsroot: The folder within the file system that is mounted; `/` but for bind mounts and
            btrfs subvolumes.
        options: Of the mount.
    """

    target: str
    source: str
    fstype: str
    fsroot: str = "/"
    options: tuple[str, ...] = ()


def parse_mounts(output: str) -> tuple[Volume, ...]:
    """The mounts in what `FINDMNT` printed, in the order in which they were made.

    Raises:
        SnapshotFailed: it is no such output.
    """
    try:
        entries = json.loads(output)["filesystems"]
        return tuple(
            Volume(
                target=entry["target"],
                source=entry["source"] or "",
                fstype=entry["fstype"],
                fsroot=entry.get("fsroot") or "/",
                options=tuple((entry.get("options") or "").split(",")),
            )
            for entry in entries
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotFailed(f"The server's list of mounts cannot be read: {error!r}") from error


def volume_of(path: str, mounts: Sequence[Volume]) -> Volume:
    """The file system that `path` is on: the deepest mount above it, the latest of several.

    Raises:
        SnapshotFailed: none is, not even `/`.
    """
    holding = [mount for mount in mounts if is_at_or_below(path, mount.target)]
    if not holding:
        raise SnapshotFailed(f"No mount of the server holds {path}")
    deepest = max(len(mount.target) for mount in holding)
    return [mount for mount in holding if len(mount.target) == deepest][-1]


def volumes_of(
    paths: Iterable[str], mounts: Sequence[Volume], *, one_file_system: bool
) -> tuple[Volume, ...]:
    """Every file system that a pull of `paths` would read, outer ones before those inside.

    Args:
        paths: Absolute and clean.
        mounts: See `parse_mounts`.
        one_file_system: The pull does not go from one file system into another.
    """
    found = {}
    for path in paths:
        home = volume_of(path, mounts)
        found[home.target] = home
        if one_file_system:
            continue
        # Later mounts replace earlier ones at the same place, as they hide them.
        found |= {mount.target: mount for mount in mounts if _is_inside(mount, path)}
    return tuple(
        sorted(found.values(), key=lambda volume: (volume.target.count("/"), volume.target))
    )


def is_at_or_below(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or something in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_inside(mount: Volume, path: str) -> bool:
    inside = mount.target != path and is_at_or_below(mount.target, path)
    return inside and mount.fstype not in _PSEUDO
