"""Short commands on a server over SSH: its host key pinned, its output and time bounded."""

import logging
import shlex
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import paramiko
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
from backends.process import Finished
from backends.ssh import (
    CONNECT_TIMEOUT,
    check_identity,
    check_target,
    decode_host_key,
    fingerprint,
    host_key_algorithms,
)
from backends.types import SshTarget

#: Bytes of each of the two streams beyond which a command is given up.
OUTPUT_LIMIT = 1 << 20
_KEEPALIVE = 15
_READ_SIZE = 32768

#: What the library would still offer. Authenticate-then-encrypt MACs stay: many hardened servers
#: have nothing else, and strict key exchange closes what was found about them.
_WEAK = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"],
    "pubkeys": ["ssh-rsa"],
}

# The library reports each failure both as an exception and as a logged traceback; without any
# logging configured the latter would go to the terminal.
_LOG = "backends.shell"
logging.getLogger(_LOG).addHandler(logging.NullHandler())


class RemoteShell:
    """One connection that runs commands, one after the other; a context manager."""

    def __init__(self, target: SshTarget) -> None:
        """Prepare; nothing is sent before `__enter__`.

        Raises:
            SshTargetInvalid: see `backends.ssh.check_target`.
        """
        check_target(target)
        self._target = target
        self._client = paramiko.SSHClient()

    def __enter__(self) -> Self:
        """Connect and log in.

        Raises:
            SshError: any child but RemoteCommandFailed.
            LocalPathUnusable: the private key cannot be read.
        """
        check_identity(self._target)
        try:
            self._connect()
        except _FAILURES as error:
            self._client.close()
            raise shell_failure(self._target, error, connecting=True) from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def run(self, argv: Sequence[str], timeout: float) -> Finished:
        """Run one command, quoted once for the server's shell, and wait for its end.

        A command that outlives its time is no longer listened to, but may go on on the server.

        Args:
            argv: The program and its arguments.
            timeout: Seconds.

        Raises:
            RemoteCommandFailed: it took too long, printed too much, or was killed. An exit
                code other than 0 is not an error here.
            ConnectionLost: the connection broke.
        """
        deadline = time.monotonic() + timeout
        try:
            return self._run(shlex.join(argv), deadline)
        except TimeoutError as error:
            raise RemoteCommandFailed(
                f"`{argv[0]}` on {self._target.alias} took longer than {timeout:g} seconds"
            ) from error
        except _FAILURES as error:
            raise shell_failure(self._target, error, connecting=False) from error

    def _connect(self) -> None:
        target = self._target
        kind, blob = decode_host_key(target.host_key)
        _, unwanted = host_key_algorithms(kind)
        client = self._client
        client.set_log_channel(_LOG)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        identity = self._load_identity()
        key = paramiko.PKey.from_type_string(kind, blob)
        for name in (target.host, f"[{target.host}]:{target.port}"):
            client.get_host_keys().add(name, kind, key)
        client.connect(
            target.host,
            port=target.port,
            username=target.user,
            pkey=identity,
            allow_agent=False,
            look_for_keys=False,
            timeout=CONNECT_TIMEOUT,
            banner_timeout=CONNECT_TIMEOUT,
            auth_timeout=CONNECT_TIMEOUT,
            channel_timeout=CONNECT_TIMEOUT,
            disabled_algorithms={**_WEAK, "keys": sorted(unwanted)},
        )
        transport = self._transport()
        transport.set_keepalive(_KEEPALIVE)
        # A command is a few small packets, each of which would wait for the one before it.
        if isinstance(transport.sock, socket.socket):
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _load_identity(self) -> paramiko.PKey:
        try:
            return paramiko.PKey.from_path(self._target.identity)
        except (TypeError, ValueError, UnknownKeyType, paramiko.SSHException) as error:
            # A passphrase shows as a TypeError of the library below.
            raise LoginRefused(
                f"The private key {self._target.identity} cannot be used: {error}",
                hint="It must have no passphrase; `lapseguard init` makes one that fits.",
            ) from error

    def _transport(self) -> paramiko.Transport:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        return transport

    def _run(self, command: str, deadline: float) -> Finished:
        channel = self._transport().open_session(timeout=_left(deadline))
        try:
            channel.settimeout(_left(deadline))
            channel.exec_command(command)
            channel.shutdown_write()
            with ThreadPoolExecutor(1, "stderr") as reader:
                stderr = reader.submit(_drain, channel, channel.recv_stderr, deadline)
                stdout = _drain(channel, channel.recv, deadline)
                said = stderr.result()
            if not channel.status_event.wait(_left(deadline)):
                raise TimeoutError
        finally:
            channel.close()
        if channel.exit_status < 0:
            raise RemoteCommandFailed(f"A command on {self._target.alias} was killed")
        return Finished(exit_code=channel.exit_status, stdout=stdout, stderr=said)


def shell_failure(target: SshTarget, error: BaseException, *, connecting: bool) -> SshError:
    """The error of ours that says what the library's exception means. Pure.

    Args:
        target: The server.
        error: The library's exception, or one of the socket below it.
        connecting: Whether the connection was still being made.
    """
    for kind, outcome, message in _MEANINGS:
        if isinstance(error, kind):
            return outcome(f"{message.format(alias=target.alias, user=target.user)}: {error}")
    if isinstance(error, paramiko.BadHostKeyException):
        shown = fingerprint(f"{error.key.get_name()} {error.key.get_base64()}")
        return HostKeyChanged(f"{target.alias} shows another host key than the pinned one: {shown}")
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer) and "host key" in str(error):
        return HostKeyUnknown(f"{target.alias} has no host key of the pinned type: {error}")
    if "not found in known_hosts" in str(error):
        return HostKeyUnknown(f"No host key is pinned for {target.alias}: {error}")
    if connecting:
        where = f"{target.host} port {target.port}"
        return HostUnreachable(f"No SSH session with {where}: {error}")
    return ConnectionLost(f"The connection to {target.alias} broke: {error}")


#: Everything that the library, or the socket below it, raises towards its caller.
_FAILURES = (
    paramiko.SSHException,
    UnknownKeyType,
    paramiko.SFTPError,
    OSError,
    EOFError,
)

#: Those that mean one thing; the others depend on their words and on the moment.
_MEANINGS: tuple[tuple[type[BaseException], type[SshError], str], ...] = (
    (
        paramiko.PasswordRequiredException,
        LoginRefused,
        "The private key for {alias} is locked by a passphrase, which nobody is there to type",
    ),
    (
        paramiko.AuthenticationException,
        LoginRefused,
        "{alias} does not accept the key for user {user}",
    ),
    (UnknownKeyType, LoginRefused, "The private key for {alias} cannot be used"),
    (paramiko.ChannelException, RemoteCommandFailed, "{alias} does not run commands"),
    (paramiko.SFTPError, RemoteCommandFailed, "{alias} refused a file operation"),
    (paramiko.ConfigParseError, SshTargetInvalid, "The settings for {alias} cannot be used"),
    (socket.gaierror, HostUnreachable, "The name of {alias} does not resolve"),
)


def _drain(channel: paramiko.Channel, receive: Callable[[int], bytes], deadline: float) -> bytes:
    """Read one stream of a command to its end."""
    content = bytearray()
    while True:
        channel.settimeout(_left(deadline))
        chunk = receive(_READ_SIZE)
        if not chunk:
            return bytes(content)
        content += chunk
        if len(content) > OUTPUT_LIMIT:
            channel.close()
            raise RemoteCommandFailed(f"A command printed more than {OUTPUT_LIMIT} bytes")


def _left(deadline: float) -> float:
    """Never 0, which would mean not to wait at all."""
    return max(0.01, deadline - time.monotonic())
