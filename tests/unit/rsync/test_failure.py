"""From rsync's exit code and words to one error with a next step, or to a list of omissions."""

import dataclasses

import pytest

from backends.errors import (
    BackendError,
    BudgetExceeded,
    ConnectionLost,
    HostKeyChanged,
    HostUnreachable,
    LocalDiskFull,
    LocalPathUnusable,
    LoginRefused,
    RsyncMissing,
    SourceAccessDenied,
    SourcePathMissing,
    TransferFailed,
    TransferInterrupted,
)
from backends.rsync.complaints import parse_complaints
from backends.rsync.failure import omissions, pull_failure, speaks_older_dialect
from backends.types import Omission, PullSpec
from tests.unit.rsync.test_command import SPEC

CLOSED = (
    "rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]\n"
    "rsync error: error in rsync protocol data stream (code 12) at io.c(285) [Receiver=3.5.0]\n"
)
SYNTAX = "rsync error: syntax or usage error (code 1) at main.c(1578) [server=3.1.3]\n"
PARTIAL = (
    "rsync error: some files/attrs were not transferred (see previous errors) (code 23) "
    "at main.c(1956) [generator=3.5.0]\n"
)


def failure(exit_code: int, stderr: str, spec: PullSpec = SPEC) -> BackendError | None:
    said = stderr.encode()
    return pull_failure(spec, exit_code, said, parse_complaints(said))


NO_ATTRIBUTES = (
    'rsync: [generator] failed to write xattr user.rsync.%stat for "/stage/web-1/srv": '
    "Operation not supported (95)\n"
)
#: Exit code, standard error as recorded, the error it is.
RECORDED: list[tuple[int, str, type[BackendError]]] = [
    (12, f"bash: line 1: rsync: command not found\n{CLOSED}", RsyncMissing),
    (12, f"sh: 1: rsync: not found\n{CLOSED}", RsyncMissing),
    (12, f"zsh:1: command not found: rsync\n{CLOSED}", RsyncMissing),
    (127, f"rsync: Command not found.\n{CLOSED}", RsyncMissing),
    (12, f"fish: Unknown command: rsync\n{CLOSED}", RsyncMissing),
    (12, f"bash: line 1: /usr/bin/rsync: No such file or directory\n{CLOSED}", RsyncMissing),
    (12, f"sudo: rsync: command not found\n{CLOSED}", RsyncMissing),
    (
        12,
        f"/usr/bin/rrsync error: option -s has been disabled on this server.\n{CLOSED}",
        SourceAccessDenied,
    ),
    (4, "ERROR: rejecting unrequested file-list name: etc/shadow\n", TransferFailed),
    (2, "protocol version mismatch -- is your shell clean?\n", TransferFailed),
    (
        12,
        f"rsync: ACLs are not supported on this server\n{SYNTAX}{CLOSED}",
        TransferFailed,
    ),
    (12, f"Connection to 127.0.0.1 closed by remote host.\n{CLOSED}", ConnectionLost),
    (255, "ssh: connect to host 127.0.0.1 port 1: Connection refused\n", HostUnreachable),
    (255, "backup@192.0.2.7: Permission denied (publickey).\n", LoginRefused),
    (255, "@  WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!  @\n", HostKeyChanged),
    (12, CLOSED, TransferInterrupted),
    (30, "rsync error: timeout in data send/receive (code 30) at io.c(1)\n", TransferInterrupted),
    (255, "", TransferInterrupted),
    (22, "rsync error: error allocating core memory buffers (code 22)\n", TransferFailed),
    (-9, "", TransferFailed),
    (
        11,
        'rsync: [receiver] write failed on "/stage/web-1/srv/big": No space left on device (28)\n',
        LocalDiskFull,
    ),
    (
        23,
        'rsync: [receiver] mkstemp "/stage/in/x.6aQ2Jk" failed: Disk quota exceeded (122)\n',
        LocalDiskFull,
    ),
    (
        11,
        'rsync: [receiver] write failed on "/stage/web-1/srv/big": File too large (27)\n',
        BudgetExceeded,
    ),
    (23, NO_ATTRIBUTES, LocalPathUnusable),
    (
        11,
        'rsync: [Receiver] mkdir "/stage/web-1" failed: Read-only file system (30)\n',
        LocalPathUnusable,
    ),
    (
        23,
        f'rsync: [sender] link_stat "/srv/www" failed: No such file or directory (2)\n{PARTIAL}',
        SourcePathMissing,
    ),
    (
        23,
        f'rsync: [sender] opendir "/srv/www" failed: Permission denied (13)\n{PARTIAL}',
        SourceAccessDenied,
    ),
    (
        23,
        f'rsync: [sender] link_stat "/etc/x/y" failed: Permission denied (13)\n{PARTIAL}',
        SourceAccessDenied,
    ),
]


@pytest.mark.parametrize(("exit_code", "stderr", "expected"), RECORDED)
def test_each_failure_has_its_own_error(
    exit_code: int, stderr: str, expected: type[BackendError]
) -> None:
    found = failure(exit_code, stderr)

    assert type(found) is expected
    assert found.hint


@pytest.mark.parametrize(
    "stderr",
    [
        "sudo: a password is required\n",
        "sudo: sorry, you must have a tty to run sudo\n",
        "sh: 1: sudo: not found\n",
        "backup is not in the sudoers file.  This incident will be reported.\n",
    ],
)
def test_a_refusing_sudo_is_told_apart_when_it_was_asked(stderr: str) -> None:
    found = failure(12, stderr + CLOSED, dataclasses.replace(SPEC, sudo=True))

    assert type(found) is SourceAccessDenied
    assert "NOPASSWD: /usr/bin/rsync" in found.hint


def test_all_missing_paths_are_named_at_once() -> None:
    stderr = (
        'rsync: [sender] link_stat "/srv/www" failed: No such file or directory (2)\n'
        'rsync: [sender] link_stat "/etc" failed: Not a directory (20)\n'
    )

    assert str(failure(23, stderr)) == "web-1 has no /etc, /srv/www"


def test_a_missing_path_is_named_as_the_server_knows_it_not_as_the_snapshot() -> None:
    spec = dataclasses.replace(SPEC, source_root="/run/snap")
    stderr = 'rsync: [sender] link_stat "/run/snap/srv/www" failed: No such file or directory (2)\n'

    assert str(failure(23, stderr, spec)) == "web-1 has no /srv/www"


def test_a_vanished_snapshot_is_named_itself() -> None:
    spec = dataclasses.replace(SPEC, source_root="/run/snap")
    stderr = 'rsync: [sender] change_dir "/run/snap" failed: No such file or directory (2)\n'

    assert str(failure(23, stderr, spec)) == "web-1 has no /run/snap"


@pytest.mark.parametrize("exit_code", [0, 24])
def test_warnings_of_a_good_run_are_no_failure(exit_code: int) -> None:
    assert failure(exit_code, "Permission denied (publickey).\nsudo: x\n") is None


def test_what_is_unreadable_below_a_path_is_left_out_and_listed() -> None:
    stderr = (
        'rsync: [sender] opendir "/srv/www/private" failed: Permission denied (13)\n'
        'rsync: [sender] read errors mapping "/srv/www/bad": Input/output error (5)\n'
        'rsync: [sender] send_files failed to open "/srv/www/private": Permission denied (13)\n'
        'rsync: [receiver] mkstemp "/stage/web-1/srv/www/x" failed: File name too long (36)\n'
    )

    assert failure(23, stderr) is None
    assert omissions(SPEC, parse_complaints(stderr.encode()).complaints) == (
        Omission(path=b"srv/www/private", reason="Permission denied"),
        Omission(path=b"srv/www/bad", reason="Input/output error"),
        Omission(path=b"srv/www/x", reason="here: File name too long"),
    )


def test_an_attribute_too_large_for_our_file_system_is_no_full_disk() -> None:
    stderr = (
        'rsync: [receiver] rsync_xal_set: lsetxattr("/stage/web-1/srv/www/x","user.big") failed: '
        "No space left on device (28)\n"
    )

    assert failure(23, stderr) is None
    (omission,) = omissions(SPEC, parse_complaints(stderr.encode()).complaints)
    assert omission.path == b"srv/www/x"


def test_omissions_of_a_snapshot_are_named_as_the_server_knows_them() -> None:
    spec = dataclasses.replace(SPEC, source_root="/run/snap")
    stderr = b'rsync: [sender] opendir "/run/snap/srv/www/a" failed: Permission denied (13)\n'

    (omission,) = omissions(spec, parse_complaints(stderr).complaints)

    assert omission.path == b"srv/www/a"


#: What rsync 3.1.3 and other old ones answer to an option they do not know.
OLDER = [
    "rsync: on remote machine: --max-alloc=512m: unknown option\n",
    "rsync error: syntax or usage error (code 1) at main.c(1578) [server=3.1.3]\n",
    "unknown checksum name: xxh128\n",
    "/usr/local/bin/rrsync: invalid rsync-command syntax or options\n",
]


@pytest.mark.parametrize("stderr", OLDER)
def test_an_older_server_is_recognised(stderr: str) -> None:
    assert speaks_older_dialect((stderr + CLOSED).encode())


@pytest.mark.parametrize("stderr", ["", CLOSED, PARTIAL, "ssh: connect to host x port 1: no\n"])
def test_other_failures_are_not_blamed_on_age(stderr: str) -> None:
    assert not speaks_older_dialect(stderr.encode())
