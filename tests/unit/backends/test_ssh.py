"""The ssh command line, the pinned key, and what ssh's words mean."""

import dataclasses
import stat
from pathlib import Path

import pytest

from backends.errors import (
    ConnectionLost,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LocalPathUnusable,
    LoginRefused,
    SshError,
    SshTargetInvalid,
)
from backends.ssh import (
    check_identity,
    check_target,
    fingerprint,
    pinned_known_hosts,
    ssh_argv,
    ssh_failure,
)
from backends.types import SshTarget

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICMkvPMlSgOceq6TtdfP0hMa5V5cQFezSFZZ/3YoMcHd"
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7"

TARGET = SshTarget(
    alias="web-1", host="192.0.2.7", port=2222, user="backup", identity="/k", host_key=ED25519
)


def options(target: SshTarget = TARGET) -> dict[str, str]:
    argv = ssh_argv(target, "/run/known hosts")
    pairs = [argv[i + 1] for i, part in enumerate(argv) if part == "-o"]
    return dict(pair.split("=", 1) for pair in pairs)


def test_nothing_but_the_pinned_key_and_the_given_identity_is_trusted() -> None:
    found = options()

    assert found["StrictHostKeyChecking"] == "yes"
    assert found["GlobalKnownHostsFile"] == "/dev/null"
    assert found["UserKnownHostsFile"] == '"/run/known hosts"'
    assert found["HostKeyAlias"] == "web-1"
    assert found["HostKeyAlgorithms"] == "ssh-ed25519"
    assert found["IdentitiesOnly"] == "yes"
    assert found["IdentityAgent"] == "none"
    assert found["VerifyHostKeyDNS"] == "no"
    assert found["UpdateHostKeys"] == "no"


def test_no_question_is_asked_and_nothing_is_forwarded() -> None:
    argv = ssh_argv(TARGET, "/k")

    assert argv[:6] == ("ssh", "-F", "none", "-T", "-a", "-x")
    assert options()["BatchMode"] == "yes"
    assert options()["ClearAllForwardings"] == "yes"
    assert options()["ProxyCommand"] == "none"


def test_the_host_is_not_part_of_the_command_but_port_and_user_are() -> None:
    argv = ssh_argv(TARGET, "/k")

    assert argv[6:10] == ("-p", "2222", "-l", "backup")
    assert "192.0.2.7" not in argv


def test_an_rsa_key_may_only_sign_with_sha2() -> None:
    found = options(dataclasses.replace(TARGET, host_key=RSA))

    assert found["HostKeyAlgorithms"] == "rsa-sha2-512,rsa-sha2-256"


def test_percent_signs_and_quotes_in_file_names_are_literal() -> None:
    found = options(dataclasses.replace(TARGET, identity='/a "b" %h/key'))

    assert found["IdentityFile"] == r'"/a \"b\" %%h/key"'


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("host", "-oProxyCommand=touch /tmp/x"),
        ("host", "a b"),
        ("host", "host\nother"),
        ("host", "host;id"),
        ("host", "user@host"),
        ("host", "höst"),
        ("host", ""),
        ("user", "-l"),
        ("user", "root "),
        ("user", "ro\tot"),
        ("user", "$(id)"),
        ("user", "a" * 33),
        ("user", ""),
        ("alias", "*"),
        ("alias", "a,b"),
        ("alias", "!web"),
        ("alias", "-web"),
        ("alias", "web 1"),
        ("alias", "web\n* ssh-rsa AAAA"),
        ("port", 0),
        ("port", 65536),
        ("port", -1),
        ("identity", ""),
        ("identity", "~/.ssh/id"),
        ("identity", "/keys/${HOME}"),
        ("identity", "/keys/a\nb"),
        ("host_key", ""),
        ("host_key", "ssh-ed25519"),
        ("host_key", "ssh-ed25519 !!!"),
        ("host_key", f"ssh-rsa {ED25519.split()[1]}"),
        ("host_key", "ssh-dss AAAAB3NzaC1kc3MAAACB"),
        ("host_key", f"* {ED25519}"),
    ],
)
def test_a_value_that_could_mean_something_else_is_refused(part: str, value: str | int) -> None:
    target = dataclasses.replace(TARGET, **{part: value})

    with pytest.raises(SshTargetInvalid):
        check_target(target)
    with pytest.raises(SshTargetInvalid):
        ssh_argv(target, "/k")


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "2001:db8::1", "_srv.x-y", "a"])
def test_ordinary_addresses_are_accepted(host: str) -> None:
    check_target(dataclasses.replace(TARGET, host=host))


def test_the_fingerprint_is_the_one_that_people_compare() -> None:
    # From `ssh-keygen -lf` on the same key.
    assert fingerprint(ED25519) == "SHA256:zBkJ9z1XzfiXHuPdIJYvIQdPA2tTk0culqXW3wztob0"
    assert fingerprint(f"{ED25519} root@web") == fingerprint(ED25519)


def test_the_pinned_key_lives_in_a_private_file_while_it_is_needed() -> None:
    with pinned_known_hosts(TARGET) as place:
        path = Path(place)
        assert path.read_text() == f"web-1 {ED25519}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    assert not path.parent.exists()


def test_a_missing_private_key_is_found_before_ssh_calls_it_a_refused_login(
    tmp_path: Path,
) -> None:
    target = dataclasses.replace(TARGET, identity=str(tmp_path / "none"))

    with pytest.raises(LocalPathUnusable, match="No such file"):
        check_identity(target)


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o644)

    with pytest.raises(LocalPathUnusable, match="open to other users") as caught:
        check_identity(dataclasses.replace(TARGET, identity=str(key)))

    assert caught.value.hint == f"chmod 600 {key}"


CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r
Someone could be eavesdropping on you right now (man-in-the-middle attack)!\r
It is also possible that a host key has just been changed.\r
The fingerprint for the ED25519 key sent by the remote host is\r
SHA256:VXMJR5aUuNxVxvCR4976aC2oa0v7FT/o6gMcys+WDH0.\r
Please contact your system administrator.\r
Add correct host key in /tmp/x/known_hosts to get rid of this message.\r
Host key for server has changed and you have requested strict checking.\r
Host key verification failed.\r
"""

UNKNOWN = """\
No ED25519 host key is known for server and you have requested strict checking.\r
Host key verification failed.\r
"""

OTHER_TYPE = (
    "Unable to negotiate with 127.0.0.1 port 60089: no matching host key type found. "
    "Their offer: rsa-sha2-512,rsa-sha2-256\r\n"
)
OTHER_CIPHER = (
    "Unable to negotiate with 127.0.0.1 port 35961: no matching cipher found. "
    "Their offer: aes128-cbc\r\n"
)

#: What OpenSSH 9.2 printed in each of these situations.
RECORDED = [
    (CHANGED, HostKeyChanged),
    (UNKNOWN, HostKeyUnknown),
    (OTHER_TYPE, HostKeyUnknown),
    (OTHER_CIPHER, HostUnreachable),
    ("root@127.0.0.1: Permission denied (publickey).\r\n", LoginRefused),
    ("backup@h: Permission denied (publickey,keyboard-interactive).\r\n", LoginRefused),
    (
        "Received disconnect from 127.0.0.1 port 48023:2: Too many authentication failures\r\n",
        LoginRefused,
    ),
    ("ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n", HostUnreachable),
    ("ssh: connect to host 10.9.9.9 port 22: Connection timed out\r\n", HostUnreachable),
    ("ssh: connect to host 2001:db8::1 port 22: No route to host\r\n", HostUnreachable),
    (
        "ssh: Could not resolve hostname no.such.invalid: Name or service not known\r\n",
        HostUnreachable,
    ),
    ("kex_exchange_identification: read: Connection reset by peer\r\n", HostUnreachable),
    ("kex_exchange_identification: Connection closed by remote host\r\n", HostUnreachable),
    ("Connection timed out during banner exchange\r\n", HostUnreachable),
    ("Protocol major versions differ: 2 vs. 1\r\n", HostUnreachable),
    ("Connection to 127.0.0.1 closed by remote host.\r\n", ConnectionLost),
    ("Timeout, server 127.0.0.1 not responding.\r\n", ConnectionLost),
    ("client_loop: send disconnect: Broken pipe\r\n", ConnectionLost),
    ("Connection reset by 127.0.0.1 port 42557\r\n", ConnectionLost),
    ("", ConnectionLost),
]


@pytest.mark.parametrize(("stderr", "expected"), RECORDED)
def test_what_ssh_prints_is_understood(stderr: str, expected: type[SshError]) -> None:
    failure = ssh_failure(TARGET, stderr, 255)

    assert type(failure) is expected
    assert "web-1" in str(failure) or "192.0.2.7" in str(failure)


@pytest.mark.parametrize(
    "stderr",
    [
        "",
        'rsync: [sender] opendir "/root" failed: Permission denied (13)\n',
        "sh: 1: rsync: not found\n",
        "Permission denied\n",
    ],
)
def test_words_of_other_programs_are_not_taken_for_those_of_ssh(stderr: str) -> None:
    assert ssh_failure(TARGET, stderr, 23) is None


def test_the_reason_is_quoted_once_and_without_decoration() -> None:
    failure = ssh_failure(TARGET, CHANGED, 255)

    assert str(failure) == (
        "web-1 shows another host key than the pinned one: "
        "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!"
    )
