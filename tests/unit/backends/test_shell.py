"""Every way the SSH library can fail has an error of ours."""

import base64
import inspect
import socket
from collections.abc import Iterator

import paramiko
import pytest
from paramiko import ssh_exception
from paramiko.pkey import UnknownKeyType

from backends.errors import (
    ConnectionLost,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LoginRefused,
    RemoteCommandFailed,
    SshError,
    SshTargetInvalid,
)
from backends.shell import _FAILURES, shell_failure
from tests.unit.backends.test_ssh import ED25519, TARGET

KIND, ENCODED = ED25519.split()


def library_errors() -> Iterator[type[Exception]]:
    """Every exception class that the library makes public."""
    for module in (paramiko, ssh_exception):
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Exception):
                yield found


#: The library's exception, whether it comes while connecting, the error it is.
TABLE: list[tuple[BaseException, bool, type[SshError]]] = [
    (paramiko.AuthenticationException("Authentication failed."), True, LoginRefused),
    (paramiko.PasswordRequiredException("encrypted"), True, LoginRefused),
    (paramiko.BadAuthenticationType("no", ["password"]), True, LoginRefused),
    (ssh_exception.PartialAuthentication(["keyboard-interactive"]), True, LoginRefused),
    (ssh_exception.UnableToAuthenticate(), True, LoginRefused),
    (paramiko.AuthFailure(result=[]), True, LoginRefused),
    (UnknownKeyType("ssh-x", b""), True, LoginRefused),
    (ssh_exception.IncompatiblePeer("no acceptable host key"), True, HostKeyUnknown),
    (ssh_exception.IncompatiblePeer("no acceptable ciphers"), True, HostUnreachable),
    (paramiko.SSHException("Server 'x' not found in known_hosts"), True, HostKeyUnknown),
    (paramiko.SSHException("Error reading SSH protocol banner"), True, HostUnreachable),
    (ssh_exception.NoValidConnectionsError({("h", 1): OSError()}), True, HostUnreachable),
    (ssh_exception.ProxyCommandFailure("nc", 1), True, HostUnreachable),
    (ssh_exception.CouldNotCanonicalize("h"), True, HostUnreachable),
    (ssh_exception.ConfigParseError("x"), True, SshTargetInvalid),
    (socket.gaierror(-2, "Name or service not known"), True, HostUnreachable),
    (TimeoutError("timed out"), True, HostUnreachable),
    (ConnectionResetError(104, "reset"), True, HostUnreachable),
    (ConnectionResetError(104, "reset"), False, ConnectionLost),
    (EOFError(), False, ConnectionLost),
    (paramiko.SSHException("SSH session not active"), False, ConnectionLost),
    (ssh_exception.MessageOrderError("out of order"), False, ConnectionLost),
    (paramiko.ChannelException(1, "Administratively prohibited"), False, RemoteCommandFailed),
    (paramiko.SFTPError("no"), False, RemoteCommandFailed),
]


@pytest.mark.parametrize(("error", "connecting", "expected"), TABLE)
def test_each_failure_means_one_thing(
    error: Exception, *, connecting: bool, expected: type[SshError]
) -> None:
    assert type(shell_failure(TARGET, error, connecting=connecting)) is expected


def test_another_host_key_is_shown_by_its_fingerprint() -> None:
    shown = paramiko.Ed25519Key(data=base64.b64decode(ENCODED))
    error = paramiko.BadHostKeyException("h", shown, shown)

    failure = shell_failure(TARGET, error, connecting=True)

    assert type(failure) is HostKeyChanged
    assert "SHA256:zBkJ9z1XzfiXHuPdIJYvIQdPA2tTk0culqXW3wztob0" in str(failure)


def test_no_public_exception_of_the_library_is_forgotten() -> None:
    tried = {type(error) for error, _, _ in TABLE} | {paramiko.BadHostKeyException}

    assert {found.__name__ for found in library_errors()} <= {found.__name__ for found in tried}


def test_every_public_exception_of_the_library_is_caught() -> None:
    assert [found for found in library_errors() if not issubclass(found, _FAILURES)] == []
