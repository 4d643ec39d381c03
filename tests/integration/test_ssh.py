"""The real ssh and the shell over a real sshd: keys, refusals, bounded commands."""

import dataclasses
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.errors import (
    ConnectionLost,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LocalPathUnusable,
    LoginRefused,
    RemoteCommandFailed,
    SshTargetInvalid,
)
from backends.process import run
from backends.shell import RemoteShell
from backends.ssh import diagnose, fingerprint, pinned_known_hosts, scan_host_key, ssh_argv
from backends.types import SshTarget
from tests.parts.sshd import Sshd

MakeSshd = Callable[..., Sshd]


def reply(target: SshTarget, command: str) -> bytes:
    with pinned_known_hosts(target) as known_hosts:
        argv = (*ssh_argv(target, known_hosts), "--", target.host, command)
        return run(argv, timeout=30, check=True).stdout


@pytest.fixture(scope="session")
def other_key(make_sshd: MakeSshd) -> Sshd:
    """Another server, for its keys."""
    return make_sshd()


WEB_SERVER = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    client = server.accept()[0]
    client.sendall(b"HTTP/1.1 400 No\\r\\n\\r\\n")
    client.close()
"""


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port where something answers that is no SSH server."""
    argv = [sys.executable, "-c", WEB_SERVER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


# The system's ssh.


def test_a_login_needs_only_the_pinned_key_and_the_identity(sshd: Sshd) -> None:
    assert reply(sshd.target(), "id -u") == f"{os.getuid()}\n".encode()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_every_type_of_host_key_can_be_pinned(make_sshd: MakeSshd, kind: str) -> None:
    server = make_sshd(host_key_type=kind)

    assert scan_host_key(server.host, server.port) == server.host_key
    assert reply(server.target(), "echo in") == b"in\n"
    with RemoteShell(server.target()) as shell:
        assert shell.run(("echo", "in"), 20).stdout == b"in\n"


def test_spaces_and_percent_signs_in_the_path_of_the_identity_are_fine(
    sshd: Sshd, tmp_path: Path
) -> None:
    identity = tmp_path / 'the "key" of %h'
    identity.write_bytes(sshd.identity.read_bytes())
    identity.chmod(0o600)

    target = dataclasses.replace(sshd.target(), identity=str(identity))

    assert reply(target, "echo in") == b"in\n"


def test_the_operators_own_ssh_configuration_does_not_matter(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host *\n  ProxyCommand false\n")
    target = sshd.target()
    with pinned_known_hosts(target) as known_hosts:
        argv = (*ssh_argv(target, known_hosts), "--", target.host, "echo in")
        finished = run(argv, timeout=30, env={"HOME": str(tmp_path)})

    assert finished.stdout == b"in\n"


def test_a_scan_finds_the_key_that_the_server_shows(sshd: Sshd) -> None:
    found = scan_host_key(sshd.host, sshd.port)

    assert found == sshd.host_key
    line = run(("ssh-keygen", "-lf", f"{sshd.folder}/host_key.pub"), timeout=20).stdout.decode()
    assert fingerprint(found) == line.split()[1]


def test_a_scan_of_a_closed_port_says_so() -> None:
    with pytest.raises(HostUnreachable, match=r"127\.0\.0\.1 port 1"):
        scan_host_key("127.0.0.1", 1, timeout=2)


def test_a_scan_of_something_else_says_so(deaf_port: int) -> None:
    with pytest.raises(HostUnreachable):
        scan_host_key("127.0.0.1", deaf_port, timeout=2)


def test_a_scan_takes_no_options_for_an_address() -> None:
    with pytest.raises(SshTargetInvalid):
        scan_host_key("-oProxyCommand=id", 22)


def test_a_login_that_works_has_nothing_to_diagnose(sshd: Sshd) -> None:
    assert diagnose(sshd.target()) is None


def test_a_banner_cannot_pretend_another_reason(
    make_sshd: MakeSshd, other_key: Sshd, tmp_path: Path
) -> None:
    (tmp_path / "banner").write_text("Host key verification failed.\n")
    server = make_sshd(extra=f"Banner {tmp_path}/banner")
    target = dataclasses.replace(server.target(), identity=str(other_key.identity))

    assert type(diagnose(target)) is LoginRefused


def test_a_silent_refusal_of_the_host_key_type_is_found_out(
    make_sshd: MakeSshd, sshd: Sshd
) -> None:
    server = make_sshd(host_key_type="ecdsa")

    found = diagnose(dataclasses.replace(server.target(), host_key=sshd.host_key))

    assert type(found) is HostKeyUnknown


# The shell.


def test_arguments_arrive_as_they_were_given(sshd: Sshd) -> None:
    words = ("it's", "$HOME", "`id`", "a\nb", "*", "", "-n", "ü")
    with RemoteShell(sshd.target()) as shell:
        finished = shell.run(("printf", r"%s\0", *words), 20)

    assert finished.stdout.decode().split("\0")[:-1] == list(words)


def test_one_connection_runs_many_commands(sshd: Sshd) -> None:
    with RemoteShell(sshd.target()) as shell:
        codes = [shell.run(("sh", "-c", f"exit {n}"), 20).exit_code for n in (0, 7, 255)]

    assert codes == [0, 7, 255]


def test_a_command_reads_nothing_and_keeps_its_streams_apart(sshd: Sshd) -> None:
    with RemoteShell(sshd.target()) as shell:
        finished = shell.run(("sh", "-c", "cat; echo out; echo err >&2"), 20)

    assert (finished.stdout, finished.stderr) == (b"out\n", b"err\n")


def test_a_command_that_takes_too_long_is_given_up(sshd: Sshd) -> None:
    with RemoteShell(sshd.target()) as shell:
        with pytest.raises(RemoteCommandFailed, match=r"longer than 0\.5 seconds"):
            shell.run(("sleep", "20"), 0.5)

        assert shell.run(("echo", "still here"), 20).stdout == b"still here\n"


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_command_that_prints_without_end_is_given_up(sshd: Sshd, stream: str) -> None:
    with RemoteShell(sshd.target()) as shell, pytest.raises(RemoteCommandFailed, match="printed"):
        shell.run(("sh", "-c", f"yes >&{stream}"), 60)


def test_a_command_that_is_killed_is_no_answer(sshd: Sshd) -> None:
    with RemoteShell(sshd.target()) as shell, pytest.raises(RemoteCommandFailed, match="killed"):
        shell.run(("sh", "-c", "kill -9 $$"), 20)


def test_a_line_that_breaks_is_said_to_be_lost(make_sshd: MakeSshd) -> None:
    server = make_sshd()
    with RemoteShell(server.target()) as shell:
        cutter = threading.Timer(0.5, server.cut)
        cutter.start()
        with pytest.raises((ConnectionLost, RemoteCommandFailed)):
            shell.run(("sleep", "20"), 30)
        cutter.join()
        time.sleep(0.1)
        with pytest.raises(ConnectionLost):
            shell.run(("true",), 20)


def enter(target: SshTarget) -> None:
    with RemoteShell(target):
        pass


def test_a_changed_host_key_is_never_talked_to(make_sshd: MakeSshd) -> None:
    server = make_sshd()
    before = server.target()
    server.rotate_host_key()

    with pytest.raises(HostKeyChanged, match=re.escape(fingerprint(server.host_key))):
        enter(before)


def test_a_host_key_of_another_type_is_never_talked_to(make_sshd: MakeSshd, sshd: Sshd) -> None:
    server = make_sshd(host_key_type="ecdsa")

    with pytest.raises(HostKeyUnknown):
        enter(dataclasses.replace(server.target(), host_key=sshd.host_key))


def test_a_refused_key_is_told_apart(sshd: Sshd, other_key: Sshd) -> None:
    with pytest.raises(LoginRefused):
        enter(dataclasses.replace(sshd.target(), identity=str(other_key.identity)))


def test_a_key_with_a_passphrase_cannot_be_used(sshd: Sshd, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", str(key))
    run(argv, timeout=20, check=True)

    with pytest.raises(LoginRefused, match="cannot be used") as caught:
        enter(dataclasses.replace(sshd.target(), identity=str(key)))

    assert "passphrase" in caught.value.hint


def test_a_missing_identity_is_ours_to_mend(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(LocalPathUnusable):
        enter(dataclasses.replace(sshd.target(), identity=str(tmp_path / "none")))


def test_nothing_at_the_other_end_is_told_apart(sshd: Sshd, deaf_port: int) -> None:
    for changes in ({"port": 1}, {"port": deaf_port}, {"host": "no-such-host.invalid"}):
        with pytest.raises(HostUnreachable):
            enter(dataclasses.replace(sshd.target(), **changes))


def test_a_hardened_server_is_spoken_to(make_sshd: MakeSshd) -> None:
    server = make_sshd(
        extra="MACs hmac-sha2-512-etm@openssh.com\nCiphers aes256-ctr,aes256-gcm@openssh.com\n"
        "KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org"
    )

    enter(server.target())


def test_weak_encryption_is_not_spoken(make_sshd: MakeSshd) -> None:
    server = make_sshd(extra="Ciphers aes256-cbc\nMACs hmac-sha1")

    with pytest.raises(HostUnreachable):
        enter(server.target())
