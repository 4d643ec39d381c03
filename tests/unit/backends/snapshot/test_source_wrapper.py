"""What the forced command of a server lets through, and what a stolen key could try."""

import os
import shlex
from pathlib import Path

import pytest

from tests.parts.freezing_commands import RUN, freezing_commands
from tests.parts.probe_commands import passport_commands, probe_commands
from tests.parts.source_wrapper import copy_with_lists, rule

VIEW = f"/run/lapseguard/{RUN}"
KEPT = f"/srv/.lapseguard/{RUN}"
BIND = "mount --bind -o ro,nosuid,nodev,noexec --"
CREATE = "lvcreate --quiet --yes --snapshot --addtag lapseguard"
PULL = "rsync --server --sender -lHogDtpAXrRSe.iLsfxCIvu"
#: What rsync 3.5 sends for a pull with a limit, within one file system.
LIMITED = "-lHogDtpAXrRxSe.iLsfxCIvu --timeout=120 --bwlimit=97 --numeric-ids"


def test_every_command_that_freezing_uses_passes_word_for_word() -> None:
    asked = freezing_commands()

    assert [rule(shlex.join(argv)).argv for argv in asked] == asked
    assert {argv[3] for argv in asked if argv[0] == "sudo"} >= {"chown", "lvremove", "zfs"}


def test_every_question_of_a_probe_passes_but_those_for_the_databases_own_contents() -> None:
    """Reading a database's contents is for root of the server to allow, like dumping it."""
    asked = probe_commands()

    ruled = {tuple(argv): rule(shlex.join(argv)).argv for argv in asked}
    refused = [argv for argv, passed in ruled.items() if passed is None]
    assert {argv[2] if "psql" not in argv else "psql" for argv in refused} == {
        "psql",
        "lapseguard-source",
    }
    passed = [(list(argv), known) for argv, known in ruled.items() if known is not None]
    assert all(known == argv[2:] if argv[0] == "env" else known == argv for argv, known in passed)
    assert len(passed) > 25


def test_every_question_of_a_passport_passes_word_for_word() -> None:
    asked = passport_commands()

    assert [rule(shlex.join(argv)).argv for argv in asked] == asked


def test_a_login_that_is_root_needs_no_sudo() -> None:
    assert rule(f"umount -- {VIEW}/srv").argv == ["umount", "--", f"{VIEW}/srv"]


@pytest.mark.parametrize("by", ["", "sudo -n "])
def test_a_pull_is_handed_to_rrsync(by: str) -> None:
    command = rf"{by}rsync --server --sender {LIMITED} . /srv/a\ \[b\]\$\(x\)\ \'q {VIEW}/./etc"

    assert rule(command).argv == [
        *(["sudo", "-n", "--"] if by else []),
        "/usr/bin/rrsync",
        "-ro",
        "/",
    ]


@pytest.mark.parametrize(
    "path",
    ['/srv/it\'s $HOME; `id` & "so"', "/srv/数据 *?[x]", "/-rf", "/srv/...", "/srv/..a/.b"],
)
def test_a_path_of_any_characters_is_one_word(path: str) -> None:
    argv = ["sudo", "-n", "--", *BIND.split(), path, f"{VIEW}{path}"]

    assert rule(shlex.join(argv)).argv == argv


@pytest.mark.parametrize(
    "command",
    [
        *("", " ", "sh", "bash -i", "id", "sudo -n -- sh", "scp -f /etc/shadow", "true"),
        *("internal-sftp", "/usr/lib/openssh/sftp-server", "env", "sudo -n -i", "sudo -n -s"),
        # More than one command.
        f"umount -- {VIEW}; id",
        f"umount -- {VIEW}\nid",
        f"umount -- {VIEW} && id",
        f"umount -- {VIEW} | id",
        f"umount -- {VIEW} > /etc/passwd",
        f"umount -- {VIEW}/$(id)",
        f"umount -- {VIEW}/`id`",
        f"umount -- '{VIEW}",
        f"umount -- {VIEW}\\",
        f"umount -- {shlex.quote(VIEW + chr(10) + '/etc')}",
        f"umount  -- {VIEW}",
        f"'umount -- {VIEW}'",
        # Other words before it.
        f"sudo -n -u root -- umount -- {VIEW}",
        f"sudo -n -- sudo -n -- umount -- {VIEW}",
        f"sudo -n -- env LD_PRELOAD=/tmp/x umount -- {VIEW}",
        f"LD_PRELOAD=/tmp/x umount -- {VIEW}",
        f"/opt/eve/umount -- {VIEW}",
        # Elsewhere, or by another name.
        *("umount -- /srv", "umount -- /run/lapseguard", "umount -a", f"umount -l -- {VIEW}"),
        f"umount -- {VIEW}/../../../srv",
        f"umount -- {VIEW}/..",
        f"umount -- {VIEW}/./x",
        f"umount -- {VIEW}//x",
        f"umount -- {VIEW}x",
        f"umount -- {VIEW} /srv",
        f"umount -- /srv{VIEW}",
        "umount -- /run/lapseguard/20261123T060101Z-3fa9c",
        "umount -- /run/lapseguard/20261123T060101Z-3FA9C2",
        "umount -- /run/lapseguard/other",
        # Mounts with more in them, or of other things.
        f"mount --bind -o ro -- {KEPT}/0 {VIEW}/srv",
        f"mount --bind -o ro,suid,nodev,noexec -- {KEPT}/0 {VIEW}/srv",
        f"mount --bind -o rw,nosuid,nodev,noexec -- {KEPT}/0 {VIEW}/srv",
        f"mount --bind -o ro,nosuid,nodev,noexec,suid -- {KEPT}/0 {VIEW}/srv",
        f"mount --rbind -o ro,nosuid,nodev,noexec -- {KEPT}/0 {VIEW}/srv",
        f"{BIND} /tmp/evil {VIEW}/srv",
        f"{BIND} /srv /srv",
        f"{BIND} {KEPT}/0 /etc",
        f"{BIND} {KEPT}/0 {VIEW}/../../../etc",
        f"{BIND} {KEPT}/../0 {VIEW}/srv",
        f"mount -t ext4 -o ro,nosuid,nodev,noexec -- /dev/sda1 {VIEW}/srv",
        f"mount -t fuse.x -o ro,nosuid,nodev,noexec -- /dev/vg0/lapseguard-{RUN}-a {VIEW}/srv",
        f"mount -t ext4 -o ro,nosuid,nodev,noexec -- /dev/../lapseguard-{RUN}-a {VIEW}/srv",
        f"mount -t zfs -o ro,nosuid,nodev,noexec -- tank/home {VIEW}/srv",
        # Deleting.
        f"find {VIEW} -delete",
        f"find {VIEW} -xdev -depth -type d -empty -exec id {{}} +",
        f"find {VIEW} / -xdev -depth -type d -empty -delete",
        "find / -xdev -depth -type d -empty -delete",
        "find /run/lapseguard -xdev -depth -type d -empty -delete",
        "btrfs subvolume delete -- /srv",
        f"btrfs subvolume delete -- {KEPT}",
        f"btrfs subvolume delete -- {KEPT}/0 /srv",
        f"btrfs subvolume delete -- {KEPT}/0/../../../data",
        "btrfs subvolume delete -- /srv/.lapseguard/weekly/0",
        f"btrfs subvolume delete -c -- {KEPT}/0",
        f"btrfs subvolume snapshot -- /srv {KEPT}/0",
        f"btrfs subvolume snapshot -r -- /srv /etc/{RUN}/0",
        *("rmdir -- /srv", "rmdir -- /srv/.lapseguard", f"rmdir -p -- {KEPT}"),
        f"mkdir -p -m 700 -- /etc/.lapseguard {KEPT}",
        "mkdir -p -m 700 -- /etc/cron.d/x",
        "mkdir -p -m 711 -- /run/lapseguard /etc/x",
        f"mkdir -p -m 4777 -- /run/lapseguard {VIEW}",
        *("lvremove --yes --quiet vg0/srv", "lvremove --yes --quiet vg0"),
        f"lvremove --yes --quiet vg0/lapseguard-{RUN}-srv vg0/srv",
        f"lvremove --yes --quiet --force vg0/lapseguard-{RUN}-srv",
        *("zfs destroy tank/home", "zfs destroy tank/home@daily", "zfs destroy -r tank"),
        f"zfs destroy -r tank/home@lapseguard-{RUN}",
        f"zfs destroy tank/home@hourly-{RUN}",
        f"zfs destroy tank/home@lapseguard-{RUN},daily",
        f"zfs destroy tank/home@lapseguard-{RUN}%daily",
        f"zfs destroy tank/home@daily,@lapseguard-{RUN}",
        f"zfs rollback tank/home@lapseguard-{RUN}",
        f"{CREATE} --name root --size 1b vg0/srv",
        f"{CREATE} --name lapseguard-{RUN}-srv --config x vg0/srv",
        "lvs --config devices{} --reportformat json",
        # Rights of others' files.
        f"chmod --reference=/usr/bin/su -- {VIEW}/etc/x",
        f"chmod --reference=/srv -- {VIEW}/../../srv",
        *(f"chown root -- {VIEW}/srv", f"chmod 777 -- {VIEW}/srv", f"touch -- {VIEW}/srv"),
        *("ls -1 -- /etc", "ls -1 -- /etc/.ssh", "cat /etc/shadow", "findmnt"),
        "realpath -m -z -- relative",
        # Questions with more in them, or of another form.
        *("uname -srm", "rsync --version", "id -u", "ps -e -o user:32=,comm="),
        *("env LC_ALL=C", "env LC_ALL=C sh", "env LC_ALL=C cat /etc/shadow", "env LC_ALL=C id"),
        *("env LC_ALL=C env LC_ALL=C id -u", "env LD_PRELOAD=/tmp/x id -u"),
        *("env LC_ALL=C LD_PRELOAD=/tmp/x id -u", "env -i LC_ALL=C id -u"),
        *("env LC_ALL=C ps -ef", "env LC_ALL=C ss -K", "env LC_ALL=C date -s 0"),
        *("echo hello", "echo 0123456789abcdef x", "echo -e 0123456789abcdef"),
        *("env LC_ALL=C test -w /etc", "env LC_ALL=C test -r /etc -o -e /root"),
        "env LC_ALL=C stat -c %F -- relative",
        "env LC_ALL=C readlink -- /srv/../etc",
        "env LC_ALL=C timeout 20 sh",
        "env LC_ALL=C timeout 20 du -sxb -- / --files0-from=/etc/shadow",
        "env LC_ALL=C timeout 20 sudo -n cat /etc/shadow",
        "env LC_ALL=C timeout -s KILL 20 du -sxb -- /",
        "env LC_ALL=C sudo -n sh",
        "env LC_ALL=C sh -c 'command -v rrsync; id'",
        "env LC_ALL=C sh -c command -v rrsync",
        "env LC_ALL=C pg_dump",
        "env LC_ALL=C pg_dump --version --file=/etc/x",
        f"env LC_ALL=C umount -- {VIEW}",
        *("cat /etc/passwd /etc/shadow", "'cat /etc/passwd'", "cat  /etc/passwd"),
        *("grep -rv '^#' /etc/shadow", "getent shadow", "crontab -e", "crontab -r"),
        *("sudo -n nft flush ruleset", "sudo -n -- nft list ruleset", "sudo -n cat /etc/passwd"),
        *("docker ps --all", "docker run x", "hostnamectl set-hostname x", "ip link set eth0 down"),
        "find -L / -exec openssl x509 -noout -subject -enddate -in {} ;",
        # rsync that writes, or hides what it is asked.
        *("rsync", "rsync --version", "rsync --daemon", "rsync --server -r . /etc"),
        "rsync --server --daemon .",
        f"{PULL} --remove-source-files . /srv",
        f"{PULL} --log-file=/etc/x . /srv",
        f"{PULL} --files-from=- . /srv",
        f"{PULL} --rsync-path=id . /srv",
        f"{PULL} --config=/tmp/x . /srv",
        f"{PULL} --max-alloc=/x . /srv",
        f"{PULL} . /srv --remove-source-files",
        f"{PULL} . -r",
        f"{PULL} . srv",
        f"{PULL} .",
        f"{PULL} /srv",
        "rsync --server --sender -slre.iLsfxCIvu .",
        "rsync --server --sender -slre.iLsfxCIvu . /srv",
        "rsync --server --sender -lreid . /srv",
        "rsync --server --sender --server -r . /srv",
        f"sudo -n -u postgres -- {PULL} . /srv",
        f"rsync -e id {PULL} . /srv",
    ],
)
def test_anything_else_is_refused_in_one_line(command: str) -> None:
    ruling = rule(command)

    assert (ruling.argv, ruling.code) == (None, 126)
    assert ruling.said.startswith("lapseguard-source: not permitted: ")
    assert ruling.said.count("\n") == 1
    assert ruling.said.isascii()


def test_bytes_that_are_no_text_are_refused_or_passed_on_as_they_are() -> None:
    path = b"/srv/\xff\xfe"

    assert rule(b"umount -- \xff").code == 126
    assert rule(f"{PULL} . ".encode() + path).code == 0


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """A folder of a wrapper with one dump and one hook."""
    require_root()
    (tmp_path / "dumps").write_text("# ours\nsudo -n -u postgres -- pg_dump '--dbname=my app'\n")
    (tmp_path / "hooks").write_text("\n/usr/local/bin/quiesce --now  # the shop\n")
    return tmp_path


def test_dumps_that_the_server_lists_run_and_their_variants_do_not(lists: Path) -> None:
    wrapper = copy_with_lists(lists)
    dump = ["sudo", "-n", "-u", "postgres", "--", "pg_dump", "--dbname=my app"]

    assert rule(shlex.join(dump), wrapper).argv == dump
    for other in ([*dump, "--file=/etc/x"], dump[5:], dump[:-1], [*dump[:-1], "--dbname=b"]):
        assert rule(shlex.join(other), wrapper).code == 126


def test_hooks_that_the_server_lists_run_and_are_told_about_the_run(lists: Path) -> None:
    wrapper = copy_with_lists(lists)
    told = ["env", f"LAPSEGUARD_RUN={RUN}", "LAPSEGUARD_PATHS=/srv/a\n/srv/b c"]
    hook = ["/usr/local/bin/quiesce", "--now"]
    ended = ["timeout", "-k", "10", "300"]

    for argv in (
        [*told, *hook],
        [*told, "LAPSEGUARD_VIEW=/mnt/view", *hook],
        [*told, *ended, *hook],
        [*told, "LAPSEGUARD_VIEW=/mnt/view", *ended, *hook],
    ):
        assert rule(shlex.join(argv), wrapper).argv == argv
    for other in (
        [*told, "LD_PRELOAD=/tmp/x", *hook],
        [*told, "id"],
        [*told, *ended, "id"],
        [*told, *ended, *ended, *hook],
        [*told, "timeout", "-s", "10", "300", *hook],
        told,
        hook,
        ["env", "PATH=/tmp", *told[1:], *hook],
    ):
        assert rule(shlex.join(other), wrapper).code == 126


def test_a_list_that_others_than_root_can_change_counts_for_nothing(lists: Path) -> None:
    wrapper = copy_with_lists(lists)
    (lists / "dumps").chmod(0o664)

    refused = rule("sudo -n -u postgres -- pg_dump '--dbname=my app'", wrapper)

    assert refused.code == 126
    assert "changed by others" in refused.said


def require_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file that is root's")
