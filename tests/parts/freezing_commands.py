"""Every command that freezing asks a server for, taken from the code that asks."""

import json
from datetime import UTC, datetime

from backends.snapshot.commands import Commands
from backends.snapshot.hold import hold, leftovers, release
from backends.snapshot.view import SnapshotRequest
from tests.parts.lvm_report import report
from tests.parts.scripted_shell import ScriptedShell

RUN = "20261123T060101Z-3fa9c2"
_OTHER = "20261122T060101Z-000abc"

_MOUNTS = (
    ("/", "/dev/sda1", "btrfs", "/"),
    ("/srv/db", "/dev/mapper/vg0-srv", "xfs", "/"),
    ("/srv/thin", "/dev/mapper/vg0-thin", "ext4", "/"),
    ("/tank/home", "tank/home", "zfs", "/"),
    ("/var/plain", "/dev/sdb1", "ext4", "/"),
    (f"/run/lapseguard/{_OTHER}/srv", "/dev/sdc1", "ext4", "/"),
)


def freezing_commands() -> list[list[str]]:
    """Freezing each kind of file system for one run, and removing what another left; by sudo."""
    shell = ScriptedShell(
        ("findmnt", list_mounts()),
        ("realpath -m -z -- /srv/db", "/srv/db\0"),
        ("realpath", "/\0"),
        ("btrfs subvolume list", "ID 300 gen 5 top level 5 path home/inner\n"),
        ("btrfs property", "ro=false\n"),
        ("vg0/pool", report(lv_name="pool", data_percent="10.0")),
        ("vg0-thin", report(lv_name="thin", lv_attr="Vwi-aotz--", pool_lv="pool")),
        ("lv_tags=lapseguard", report(lv_name=f"lapseguard-{_OTHER}-srv", lv_tags="lapseguard")),
        ("lvs", report()),
        ("zfs list", f"tank/home@lapseguard-{_OTHER}\n"),
        ("ls -1 -- /run/lapseguard", f"{_OTHER}\n"),
        (f"ls -1 -- /.lapseguard/{_OTHER}", "0\n1\n"),
        ("ls -1 -- /.lapseguard", f"{_OTHER}\n"),
    )
    commands = Commands(shell.connect, sudo=True)
    for path in ("/", "/srv/db/data"):
        request = SnapshotRequest(name=RUN, paths=(path,))
        with hold(request, commands, now=lambda: datetime.now(UTC), warn=_complain) as view:
            for check in view.checks:
                check(commands)
    for leftover in leftovers(commands):
        release(leftover, commands)
    return [line.split(" ") for line in shell.said]


def _complain(warning: str) -> None:
    assert "/var/plain is read live" in warning, warning


def list_mounts() -> str:
    """What findmnt prints of a server that has each kind of file system."""
    names = ("target", "source", "fstype", "fsroot")
    return json.dumps({"filesystems": [dict(zip(names, each, strict=True)) for each in _MOUNTS]})
