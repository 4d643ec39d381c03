"""Which commands LVM and ZFS run on a server, in which order, and what they refuse."""

import json

import pytest

from backends.snapshot.commands import Commands
from backends.snapshot.freezer import Frozen
from backends.snapshot.hold import undoing
from backends.snapshot.lvm import LvmFreezer
from backends.snapshot.view import Leftover, SnapshotRequest
from backends.snapshot.volume import Volume
from backends.snapshot.zfs import ZfsFreezer
from backends.source_errors import (
    SnapshotFailed,
    SnapshotLost,
    SnapshotNoSpace,
    SnapshotUnsupported,
)
from tests.parts.lvm_report import GIB, report
from tests.parts.scripted_shell import ScriptedShell, failing

RUN = "20261123T060101Z-3fa9c2"
REQUEST = SnapshotRequest(name=RUN, paths=("/srv/db",))
CREATE = f"lvcreate --quiet --yes --snapshot --addtag lapseguard --name lapseguard-{RUN}-srv"


@pytest.fixture
def volume() -> Volume:
    return Volume(target="/srv", source="/dev/mapper/vg0-srv", fstype="ext4")


def freeze(
    freezer: LvmFreezer | ZfsFreezer, volume: Volume, shell: ScriptedShell
) -> tuple[str, ...]:
    """Freeze and let go; the mounts in between."""
    commands = Commands(shell.connect)
    with freezer.freeze(volume, REQUEST, commands, undoing(commands, pytest.fail)) as frozen:
        return tuple(f"{layer.source} {layer.fstype}" for layer in frozen.layers)


def test_a_thick_snapshot_gets_its_share_is_mounted_by_its_device_and_removed(
    volume: Volume,
) -> None:
    shell = ScriptedShell(("lvs", report()))

    assert freeze(LvmFreezer(), volume, shell) == (f"/dev/vg0/lapseguard-{RUN}-srv ext4",)

    assert shell.changes() == [
        " ".join((CREATE, f"--size {15 * GIB}b vg0/srv")),
        f"lvremove --yes --quiet vg0/lapseguard-{RUN}-srv",
    ]


def test_a_thin_snapshot_takes_no_size_and_is_active_at_once(volume: Volume) -> None:
    shell = ScriptedShell(("lvs", report(lv_attr="Vwi-aotz--", pool_lv="pool0")))

    freeze(LvmFreezer(), volume, shell)

    assert shell.changes()[0] == f"{CREATE} --setactivationskip n vg0/srv"


@pytest.mark.parametrize(
    ("free", "size"),
    [(20, 15), (80, 40), (900, 100)],
    ids=["the least", "half of what is free", "all that can ever change"],
)
def test_a_thick_snapshot_takes_idle_room_so_that_it_lasts(
    volume: Volume, free: int, size: int
) -> None:
    shell = ScriptedShell(("lvs", report(vg_free=str(free * GIB))))

    freeze(LvmFreezer(), volume, shell)

    assert f"--size {size * GIB}b vg0/srv" in shell.changes()[0]


def test_a_group_without_room_is_refused_before_anything_is_made(volume: Volume) -> None:
    shell = ScriptedShell(("lvs", report(vg_free=str(GIB))))

    with pytest.raises(SnapshotNoSpace, match=str(15 * GIB)):
        freeze(LvmFreezer(), volume, shell)

    assert shell.changes() == []


def test_a_thin_pool_that_is_nearly_full_is_left_alone(volume: Volume) -> None:
    full = report(lv_name="pool0", lv_attr="twi-aotz--", data_percent="96.20")
    thin = report(lv_attr="Vwi-aotz--", pool_lv="pool0")
    shell = ScriptedShell(("vg0/pool0", full), ("lvs", thin))

    with pytest.raises(SnapshotNoSpace, match=r"vg0/pool0 is 96\.2 per cent full"):
        freeze(LvmFreezer(), volume, shell)

    assert shell.changes() == []


@pytest.mark.parametrize(
    "fields", [{"lv_attr": "swi-Iwi-I-"}, {"lv_attr": "swi-a-s---", "data_percent": "100.00"}]
)
def test_a_snapshot_that_overflows_fails_the_run_that_reads_from_it(
    volume: Volume, fields: dict[str, str]
) -> None:
    shell = ScriptedShell((f"vg0/lapseguard-{RUN}", report(**fields)), ("lvs", report()))
    commands = Commands(shell.connect)

    with (
        LvmFreezer().freeze(volume, REQUEST, commands, _no_undo) as frozen,
        pytest.raises(SnapshotLost, match="More changed on the server"),
    ):
        look_at(frozen, commands)


def test_a_snapshot_with_room_left_passes_its_check(volume: Volume) -> None:
    roomy = report(lv_attr="swi-a-s---", data_percent="12.50")
    shell = ScriptedShell((f"vg0/lapseguard-{RUN}", roomy), ("lvs", report()))
    commands = Commands(shell.connect)

    with LvmFreezer().freeze(volume, REQUEST, commands, _no_undo) as frozen:
        assert look_at(frozen, commands) == 12.5


def test_xfs_is_told_that_it_sees_the_same_file_system_twice() -> None:
    volume = Volume(target="/srv", source="/dev/mapper/vg0-srv", fstype="xfs")
    commands = Commands(ScriptedShell(("lvs", report())).connect)

    with LvmFreezer().freeze(volume, REQUEST, commands, _no_undo) as frozen:
        assert frozen.layers[0].options == ("nouuid",)


def test_a_mapped_device_that_is_no_logical_volume_is_told_apart(volume: Volume) -> None:
    shell = ScriptedShell(("lvs", failing('  Volume group "dm_crypt-0" not found.')))

    with pytest.raises(SnapshotUnsupported, match="no logical volume"):
        freeze(LvmFreezer(), volume, shell)


def test_a_bind_mount_of_a_folder_cannot_be_frozen_by_lvm() -> None:
    volume = Volume(target="/srv", source="/dev/mapper/vg0-srv", fstype="ext4", fsroot="/data")

    with pytest.raises(SnapshotUnsupported, match="/data"):
        freeze(LvmFreezer(), volume, ScriptedShell(("lvs", report())))


def test_of_the_volumes_that_carry_our_tag_only_those_with_a_run_in_the_name_are_leftovers(
    volume: Volume,
) -> None:
    lines = [
        {"lv_name": f"lapseguard-{RUN}-srv", "lv_tags": "lapseguard"},
        {"lv_name": f"lapseguard-{RUN}-other", "lv_tags": ""},
        {"lv_name": "lapseguard-precious", "lv_tags": "lapseguard"},
    ]
    volumes = [json.loads(report(**line))["report"][0]["lv"][0] for line in lines]
    shell = ScriptedShell(("lvs", json.dumps({"report": [{"lv": volumes}]})))

    found = list(LvmFreezer().leftovers([volume], Commands(shell.connect)))

    assert found == [Leftover(name=RUN, kind="lvm", place=f"vg0/lapseguard-{RUN}-srv")]


def test_zfs_snapshots_are_mounted_by_name_and_destroyed_by_name() -> None:
    volume = Volume(target="/srv", source="tank/srv", fstype="zfs")
    shell = ScriptedShell()

    assert freeze(ZfsFreezer(), volume, shell) == (f"tank/srv@lapseguard-{RUN} zfs",)

    assert shell.changes() == [
        f"zfs snapshot tank/srv@lapseguard-{RUN}",
        f"zfs destroy tank/srv@lapseguard-{RUN}",
    ]


def test_only_zfs_snapshots_of_ours_are_leftovers() -> None:
    volume = Volume(target="/srv", source="tank/srv", fstype="zfs")
    listed = f"tank/srv@daily\ntank/srv@lapseguard-{RUN}\ntank@lapseguard-mine\n"
    shell = ScriptedShell(("zfs list", listed))

    found = list(ZfsFreezer().leftovers([volume], Commands(shell.connect)))

    assert [each.place for each in found] == [f"tank/srv@lapseguard-{RUN}"]


@pytest.mark.parametrize("place", ["tank/srv", "tank/srv@daily"])
def test_nothing_but_our_own_zfs_snapshot_is_ever_destroyed(place: str) -> None:
    shell = ScriptedShell()

    with pytest.raises(SnapshotFailed, match="not a snapshot of ours"):
        ZfsFreezer().release(Leftover(name=RUN, kind="zfs", place=place), Commands(shell.connect))

    assert shell.said == []


def look_at(frozen: Frozen, commands: Commands) -> float:
    """How full the snapshot is."""
    assert frozen.check is not None
    return frozen.check(commands).per_cent


def _no_undo(*argv: str) -> None:
    """Nothing is to be undone."""
