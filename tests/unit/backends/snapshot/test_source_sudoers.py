"""What sudo itself makes of the rules in deploy/source/lapseguard.sudoers."""

import subprocess
from pathlib import Path

from tests.parts.freezing_commands import RUN, freezing_commands
from tests.parts.requirement import require_program
from tests.parts.sudo_rules import SUDOERS, permitted, require_sudo

VIEW = f"/run/lapseguard/{RUN}"
KEPT = f"/srv/.lapseguard/{RUN}"
SAFE = "ro,nosuid,nodev,noexec"

HOSTILE = (
    *("sh", "rsync --server --sender -r . /", "cat /etc/shadow", "rrsync /", "rrsync -wo /"),
    *("rrsync -ro / -munge", "ls -1 -- /root", "ls -lR /", f"ls -1 -- {VIEW}"),
    *("umount -- /srv", f"umount -- {VIEW}/../../../srv", f"umount -- {VIEW}/..", "umount -a"),
    *(f"umount -- {VIEW}/. /srv", f"umount -- {VIEW} /srv", f"umount -l -- {VIEW}"),
    f"umount -- {VIEW}x",
    *(f"mount --bind -o {SAFE} -- /srv /etc", f"mount --bind -o {SAFE},suid -- /srv {VIEW}/srv"),
    f"mount --bind -o ro -- /srv {VIEW}/srv",
    f"mount --bind -o {SAFE} -- /srv {VIEW}/../../../etc",
    f"mount --bind -o {SAFE} -o suid -- /srv {VIEW}/srv",
    f"mount -t ext4 -o {SAFE} -- /dev/sda1 {VIEW}/srv",
    f"mount -t ext4 -o {SAFE} -- /dev/../lapseguard-{RUN}-a {VIEW}/srv",
    f"mount -t overlay -o {SAFE} -- /dev/vg0/lapseguard-{RUN}-a {VIEW}/srv",
    f"mount -t zfs -o {SAFE} -- tank/home {VIEW}/srv",
    *("find / -delete", f"find {VIEW} -xdev -depth -type d -empty -exec id {{}} +"),
    f"find {VIEW} / -xdev -depth -type d -empty -delete",
    f"find {VIEW}/.. -xdev -depth -type d -empty -delete",
    *("mkdir -p -m 711 -- /run/lapseguard /etc/x", "mkdir -p -m 700 -- /etc/x"),
    f"mkdir -p -m 4777 -- /run/lapseguard {VIEW}",
    *("rmdir -- /srv", "rmdir -- /srv/.lapseguard", f"rmdir -- {KEPT}/../x"),
    *(f"chown root -- {VIEW}/srv", f"chmod --reference=/srv -- {VIEW}/../../srv"),
    f"touch --reference=/srv -- {VIEW}/srv /etc/shadow",
    *("btrfs subvolume delete -- /srv", f"btrfs subvolume delete -- {KEPT}/0 /srv"),
    f"btrfs subvolume delete -- {KEPT}/0/../../../x",
    f"btrfs subvolume snapshot -- /srv {KEPT}/0",
    f"btrfs property set -ts {KEPT}/0 ro false",
    *("lvremove --yes --quiet vg0/srv", f"lvremove --yes --quiet vg0/lapseguard-{RUN}-a vg0/srv"),
    "lvcreate --quiet --yes --snapshot --addtag lapseguard --name x --size 1b vg0/srv",
    *("lvs", "lvs --config devices{}"),
    *("zfs destroy tank/home", f"zfs destroy -r tank/home@lapseguard-{RUN}"),
    *("zfs destroy tank/home@daily", f"zfs destroy tank/home@lapseguard-{RUN}%daily"),
    *("rsync --version /etc", "rsync --server", "nft flush ruleset", "nft -f /tmp/x"),
    *("du -sxb -- / --files0-from=/etc/shadow", "du -sxb -- relative", "du -a -- /", "du /"),
    *(f"zfs destroy tank@a,lapseguard-{RUN}", f"zfs destroy tank@hourly-{RUN}"),
)


def test_the_file_is_one_that_sudo_takes() -> None:
    visudo = require_program("visudo", "sudo")

    checked = subprocess.run([visudo, "-cf", SUDOERS], capture_output=True, check=False, text=True)

    assert checked.returncode == 0, checked.stderr
    assert "warning" not in checked.stderr.lower()


def test_every_command_that_freezing_and_looking_run_by_sudo_is_permitted(tmp_path: Path) -> None:
    require_sudo()
    asked = [argv[3:] for argv in freezing_commands() if argv[0] == "sudo"]
    asked.append(["rrsync", "-ro", "/"])
    asked += [["rsync", "--version"], ["du", "-sxb", "--", "/srv"], ["nft", "list", "ruleset"]]

    refused = [argv for argv, yes in zip(asked, permitted(asked, tmp_path), strict=True) if not yes]

    assert refused == []


def test_nothing_else_is(tmp_path: Path) -> None:
    require_sudo()
    asked = [command.split(" ") for command in HOSTILE]
    # One argument with spaces in it must not look like two.
    asked.append(["umount", "--", f"{VIEW}/a -l /srv"])
    asked.append(["mount", "--bind", f"-o {SAFE} --", "/srv", "/etc"])

    passed = [argv for argv, yes in zip(asked, permitted(asked, tmp_path), strict=True) if yes]

    assert passed == []
