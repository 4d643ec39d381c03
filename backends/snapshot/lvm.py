"""Frozen views by LVM: a snapshot volume of the one that holds the file system.

A thin snapshot takes its room from the pool. A thick one is given a share of its origin's size,
and more where the group has it; once more than that has changed, the kernel drops it and every
read of its device fails, hence `check`. Commands and fields are those of lvcreate(8) and lvs(8),
LVM 2.03: the fifth letter of `lv_attr` is `I` or `S` for a dropped snapshot, the first `V` for a
thin volume, `t` for its pool.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from backends.snapshot.commands import Commands
from backends.snapshot.freezer import Frozen, Layer, Undo
from backends.snapshot.view import (
    Consistency,
    Fill,
    Leftover,
    SnapshotRequest,
    check_name,
    is_name,
)
from backends.snapshot.volume import Volume
from backends.source_errors import (
    SnapshotFailed,
    SnapshotLost,
    SnapshotNoSpace,
    SnapshotUnsupported,
)

KIND: Final = "lvm"
TAG: Final = "lapseguard"
_FIELDS: Final = "vg_name,lv_name,lv_attr,lv_size,origin,pool_lv,data_percent,vg_free,lv_tags"
_REPORT: Final = ("lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", _FIELDS)
_EXTENT: Final = 4 << 20
#: A pool this full would soon stop every volume in it, ours and the live ones (per cent).
_FULLEST: Final = 95.0
#: Seconds for a look at a snapshot while it is read.
_LOOK: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalVolume:
    """One line of `lvs`.

    Attributes:
        group: Volume group.
        name: Within the group.
        attributes: `lv_attr`, nine or ten letters.
        size: Bytes.
        origin: Of a snapshot.
        pool: Thin pool, or empty.
        filled: Per cent of a snapshot's or pool's room in use, or None.
        free: Bytes that the group has left.
        tags: As set.
    """

    group: str
    name: str
    attributes: str
    size: int
    origin: str
    pool: str
    filled: float | None
    free: int
    tags: tuple[str, ...]

    @property
    def path(self) -> str:
        """`group/name`, as every command takes it."""
        return f"{self.group}/{self.name}"

    @property
    def is_thin(self) -> bool:
        """Whether it lives in a thin pool."""
        return self.attributes.startswith("V")

    @property
    def is_dropped(self) -> bool:
        """Whether the kernel has given it up, as a snapshot without room."""
        return self.attributes[4:5] in {"I", "S"} or (self.filled or 0.0) >= 100  # noqa: PLR2004 - per cent


def parse_report(printed: str) -> tuple[LogicalVolume, ...]:
    """The volumes in what `lvs --reportformat json` printed. Pure.

    Raises:
        SnapshotFailed: it is no such report.
    """
    try:
        lines = [line for report in json.loads(printed)["report"] for line in report["lv"]]
        return tuple(_logical_volume(line) for line in lines)
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotFailed(f"The report of lvs cannot be read: {error!r}") from error


def _logical_volume(line: dict[str, str]) -> LogicalVolume:
    return LogicalVolume(
        group=line["vg_name"],
        name=line["lv_name"],
        attributes=line["lv_attr"],
        size=int(line["lv_size"]),
        origin=line["origin"],
        pool=line["pool_lv"],
        filled=float(line["data_percent"]) if line["data_percent"] else None,
        free=int(line["vg_free"]),
        tags=tuple(filter(None, line["lv_tags"].split(","))),
    )


@dataclass(frozen=True, slots=True)
class LvmFreezer:
    """See `Freezer`.

    Attributes:
        share: Of the origin's size that a thick snapshot is given at least.
    """

    share: float = 0.15
    kind: str = KIND

    def suits(self, volume: Volume) -> bool:
        """Whether the volume's device is mapped; only lvs tells a logical one from others."""
        return volume.source.startswith("/dev/mapper/")

    def examine(self, volume: Volume, commands: Commands) -> None:
        """See `Freezer.examine`."""
        _require_whole(volume)
        self._creation(_find_origin(volume, commands), TAG, commands)

    @contextmanager
    def freeze(
        self, volume: Volume, request: SnapshotRequest, commands: Commands, undo: Undo
    ) -> Iterator[Frozen]:
        """See `Freezer.freeze`.

        Raises:
            SnapshotUnsupported: only a folder of the file system is mounted there.
            SnapshotNoSpace: the group or the pool has too little room.
        """
        _require_whole(volume)
        origin = _find_origin(volume, commands)
        snapshot = f"{TAG}-{check_name(request.name)}-{origin.name}"
        commands.run(*self._creation(origin, snapshot, commands))
        place = f"{origin.group}/{snapshot}"
        try:
            yield Frozen(
                id=place,
                layers=(_layer(volume, place),),
                consistency=Consistency.CRASH,
                check=partial(_check, place),
            )
        finally:
            undo("lvremove", "--yes", "--quiet", place)

    def _creation(
        self, origin: LogicalVolume, snapshot: str, commands: Commands
    ) -> tuple[str, ...]:
        common = ("lvcreate", "--quiet", "--yes", "--snapshot", "--addtag", TAG, "--name", snapshot)
        if origin.is_thin:
            _check_pool(origin, commands)
            # Thin snapshots are left inactive unless this is said.
            return (*common, "--setactivationskip", "n", origin.path)
        least = _extents(int(origin.size * self.share))
        if origin.free < least:
            raise SnapshotNoSpace(
                f"The volume group {origin.group} has {origin.free} bytes left; a snapshot of "
                f"{origin.name} takes {least}"
            )
        # Room that lies idle costs nothing; the other half is for whatever else grows meanwhile.
        size = min(_extents(origin.size), max(least, _extents(origin.free // 2)))
        return (*common, "--size", f"{size}b", origin.path)

    def leftovers(self, mounts: Iterable[Volume], commands: Commands) -> Iterator[Leftover]:
        """See `Freezer.leftovers`."""
        if not any(map(self.suits, mounts)):
            return
        finished = commands.try_run(*_REPORT, "--select", f"lv_tags={TAG}")
        if finished.exit_code != 0:
            return  # a server without LVM has nothing of ours in it
        for volume in parse_report(finished.stdout.decode("utf-8", "replace")):
            name = run_of(volume.name)
            if name is not None and TAG in volume.tags:
                yield Leftover(name=name, kind=KIND, place=volume.path)

    def release(self, leftover: Leftover, commands: Commands) -> None:
        """See `Freezer.release`."""
        if run_of(leftover.place.partition("/")[2]) != leftover.name:
            raise SnapshotFailed(f"{leftover.place!r} is not a snapshot of ours")
        commands.run("lvremove", "--yes", "--quiet", leftover.place)


def _extents(size: int) -> int:
    return max(_EXTENT, size // _EXTENT * _EXTENT)


def _require_whole(volume: Volume) -> None:
    if volume.fsroot != "/":
        raise SnapshotUnsupported(
            f"{volume.target} shows only the folder {volume.fsroot} of its file system",
            hint="Save the folder where its whole file system is mounted.",
        )


def _find_origin(volume: Volume, commands: Commands) -> LogicalVolume:
    try:
        (origin,) = parse_report(commands.run(*_REPORT, volume.source))
    except SnapshotFailed as error:
        raise SnapshotUnsupported(f"{volume.source} is no logical volume: {error}") from error
    return origin


def run_of(name: str) -> str | None:
    """The run in a snapshot volume's name, or None where it is not one of ours. Pure."""
    mark, _, rest = name.partition("-")
    run = "-".join(rest.split("-")[:2])
    return run if mark == TAG and is_name(run) else None


def _layer(volume: Volume, place: str) -> Layer:
    # XFS refuses a second file system of the same id unless told that this is meant.
    options = ("nouuid",) if volume.fstype == "xfs" else ()
    return Layer(
        source=f"/dev/{place}", target=volume.target, fstype=volume.fstype, options=options
    )


def _check_pool(origin: LogicalVolume, commands: Commands) -> None:
    (pool,) = parse_report(commands.run(*_REPORT, f"{origin.group}/{origin.pool}"))
    if (pool.filled or 0.0) >= _FULLEST:
        raise SnapshotNoSpace(f"The thin pool {pool.path} is {pool.filled:g} per cent full")


def _check(place: str, commands: Commands) -> Fill:
    """Raise SnapshotLost where the snapshot, or the pool it is in, ran out of room."""
    (snapshot,) = parse_report(commands.run(*_REPORT, place, timeout=_LOOK))
    if snapshot.is_thin:
        return _check_room_of_pool(f"{snapshot.group}/{snapshot.pool}", commands)
    if snapshot.is_dropped:
        raise SnapshotLost(
            f"More changed on the server than the snapshot {place} of {snapshot.size} bytes holds"
        )
    return Fill(place=place, per_cent=snapshot.filled or 0.0)


def _check_room_of_pool(path: str, commands: Commands) -> Fill:
    (pool,) = parse_report(commands.run(*_REPORT, path, timeout=_LOOK))
    if pool.is_dropped:
        # The snapshot may still be whole, but no volume of the pool can be written to.
        raise SnapshotLost(f"The thin pool {path} has no room left")
    return Fill(place=path, per_cent=pool.filled or 0.0)
