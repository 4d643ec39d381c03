"""How the system's `ssh` is called: one pinned host key, one identity, nothing from anywhere else.

The options follow three rules: what the operator's own ssh configuration says does not matter,
no question is ever asked, and a server that shows another key than the pinned one is not talked
to. OpenSSH 8.5 (for the names of the options) or newer is expected.
"""

import base64
import binascii
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

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
from backends.process import readable, run
from backends.types import SshTarget

#: Seconds to wait for a connection; and a peer silent for four times 15 seconds is given up.
CONNECT_TIMEOUT = 15
#: ssh's own exit code for "not the remote command's".
SSH_FAILED = 255

_OPTIONS = (
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "PreferredAuthentications=publickey",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "GSSAPIAuthentication=no",
    "HostbasedAuthentication=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ProxyCommand=none",
    "ControlMaster=no",
    "ControlPath=none",
    f"ConnectTimeout={CONNECT_TIMEOUT}",
    "ConnectionAttempts=1",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
)

#: Where the processor has AES built in, these cost a third of what OpenSSH prefers; a server that
#: has none of them gets the usual ones.
_QUICK_CIPHERS = "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com"

#: Host key types in the order we prefer to pin them, with the signature algorithms to allow.
#: An RSA key may only sign with SHA-2.
_ALGORITHMS = {
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
}

#: An alias becomes a pattern in known_hosts, so nothing that means something there is allowed.
_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
_HOST = re.compile(r"[A-Za-z0-9.:_][A-Za-z0-9.:_-]{0,254}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
#: ssh expands a leading `~` and `${…}`, the latter with no way to write it literally.
_IDENTITY = re.compile(r"(?!~)(?:(?!\$\{)[^\x00-\x1f\x7f])+")
_HIGHEST_PORT = 65535


def host_key_algorithms(kind: str) -> tuple[frozenset[str], frozenset[str]]:
    """The signature algorithms to allow for a pinned key of this type, and all others."""
    allowed = frozenset(_ALGORITHMS[kind].split(","))
    everything = frozenset(",".join(_ALGORITHMS.values()).split(","))
    return allowed, everything - allowed


def check_target(target: SshTarget) -> None:
    """Refuse what could mean something else to ssh, rsync or a known_hosts file than a name.

    Raises:
        SshTargetInvalid: names the part that is wrong.
    """
    for part, value, pattern in (
        ("name", target.alias, _ALIAS),
        ("host", target.host, _HOST),
        ("user", target.user, _USER),
    ):
        if not pattern.fullmatch(value):
            raise SshTargetInvalid(f"{value!r} cannot be used as an SSH {part}")
    if not 0 < target.port <= _HIGHEST_PORT:
        raise SshTargetInvalid(f"{target.port} is not a TCP port")
    if not _IDENTITY.fullmatch(target.identity):
        raise SshTargetInvalid(f"{target.identity!r} cannot be used as an identity file")
    decode_host_key(target.host_key)


def decode_host_key(host_key: str) -> tuple[str, bytes]:
    """The type and the binary form of a key written as `type base64`, an optional comment after it.

    Raises:
        SshTargetInvalid: it is no public key of a type that can be pinned.
    """
    kind, _, encoded = host_key.strip().partition(" ")
    try:
        blob = base64.b64decode(encoded.split(" ")[0], validate=True)
    except binascii.Error as error:
        raise SshTargetInvalid(f"The host key {host_key!r} is not base64") from error
    name = kind.encode()
    if kind not in _ALGORITHMS or not blob.startswith(len(name).to_bytes(4) + name):
        raise SshTargetInvalid(f"{host_key!r} is not a host key; it looks like `ssh-ed25519 AAAA…`")
    return kind, blob


def fingerprint(host_key: str) -> str:
    """`SHA256:…` of a key written as `type base64`, as `ssh-keygen -l` prints it."""
    _, blob = decode_host_key(host_key)
    digest = base64.b64encode(hashlib.sha256(blob).digest())
    return f"SHA256:{digest.decode().rstrip('=')}"


@contextmanager
def pinned_known_hosts(target: SshTarget) -> Iterator[str]:
    """A known_hosts file with this server's one key, for as long as the block lasts.

    Raises:
        SshTargetInvalid: see `check_target`.
    """
    check_target(target)
    kind, blob = decode_host_key(target.host_key)
    with tempfile.TemporaryDirectory(prefix="lapseguard-") as folder:
        path = os.path.join(folder, "known_hosts")  # noqa: PTH118 - callers pass it on as text
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(f"{target.alias} {kind} {base64.b64encode(blob).decode()}\n")
        yield path


def ssh_argv(target: SshTarget, known_hosts: str, *, log_level: str = "ERROR") -> tuple[str, ...]:
    """`ssh` with every option that is needed to log in to `target`; the host comes after it.

    Pure, but for a look at the processor. The user is among the options, so that `rsync -e` and a
    plain call both work; a plain call adds `--`, the host and the command.

    Raises:
        SshTargetInvalid: see `check_target`.
    """
    check_target(target)
    kind, _ = decode_host_key(target.host_key)
    options = (
        *_OPTIONS,
        *([_QUICK_CIPHERS] if has_aes() else []),
        f"LogLevel={log_level}",
        f"IdentityFile={_quoted(target.identity)}",
        f"UserKnownHostsFile={_quoted(known_hosts)}",
        f"HostKeyAlias={target.alias}",
        f"HostKeyAlgorithms={_ALGORITHMS[kind]}",
    )
    return (
        *("ssh", "-F", "none", "-T", "-a", "-x"),
        *("-p", str(target.port), "-l", target.user),
        *(part for option in options for part in ("-o", option)),
    )


@cache
def has_aes() -> bool:
    """Whether the processor computes AES by itself, as far as the kernel says."""
    try:
        facts = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return False  # Safe: encryption is then chosen as OpenSSH would.
    return re.search(r"^(flags|Features)\s*:.* aes( |$)", facts, re.MULTILINE) is not None


def check_identity(target: SshTarget) -> None:
    """Refuse a private key that ssh could not use, which it would call a refused login.

    Raises:
        LocalPathUnusable: it is missing, unreadable, or open to other users.
    """
    try:
        with open(target.identity, "rb") as stream:  # noqa: PTH123 - a path given as text
            mode = os.fstat(stream.fileno()).st_mode
    except OSError as error:
        raise LocalPathUnusable(
            f"The private key {target.identity} cannot be read: {error.strerror}",
            hint="Check `--identity`; `lapseguard init` makes a key.",
        ) from error
    if mode & 0o077:
        raise LocalPathUnusable(
            f"The private key {target.identity} is open to other users",
            hint=f"chmod 600 {target.identity}",
        )


def scan_host_key(host: str, port: int = 22, timeout: float = CONNECT_TIMEOUT) -> str:
    """The key that answers at an address, as `type base64`, the strongest type it has.

    Nothing vouches for it: show its `fingerprint` to a person before it is pinned.

    Raises:
        SshTargetInvalid: the address is not one.
        HostUnreachable: nobody answers in time, or not with SSH.
        HostKeyUnknown: it has no key of a type that can be pinned.
    """
    if not _HOST.fullmatch(host) or not 0 < port <= _HIGHEST_PORT:
        raise SshTargetInvalid(f"{host!r} port {port} is not an address")
    seconds = max(1, round(timeout))
    argv = ("ssh-keyscan", "-T", str(seconds), "-p", str(port), "-t", "ed25519,ecdsa,rsa", host)
    # One connection for each type, one after the other.
    finished = run(argv, timeout=4 * seconds + 5)
    keys = _scanned_keys(finished.stdout.decode("ascii", "replace"))
    for kind in _ALGORITHMS:
        if kind in keys:
            return keys[kind]
    raise _scan_failure(host, port, readable(finished.stderr))


def _scanned_keys(output: str) -> dict[str, str]:
    fields = (line.split() for line in output.splitlines() if not line.startswith("#"))
    return {kind: f"{kind} {encoded}" for _, kind, encoded in fields}


def _scan_failure(host: str, port: int, stderr: str) -> SshError:
    said = [line for line in stderr.splitlines() if line and not line.startswith("#")]
    if not said and f"# {host}:{port}" in stderr:
        return HostKeyUnknown(f"{host} port {port} has no host key of a type that can be pinned")
    reason = said[-1] if said else "no answer"
    return HostUnreachable(f"No SSH server answers at {host} port {port}: {reason}")


#: What OpenSSH prints, by what it means; the first that matches decides. Anchored to the start
#: of a line where the server could otherwise print the same words.
_MEANINGS: tuple[tuple[re.Pattern[str], type[SshError], str], ...] = tuple(
    (re.compile(pattern, re.MULTILINE | re.IGNORECASE), kind, message)
    for pattern, kind, message in (
        (
            r"^@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! +@",
            HostKeyChanged,
            "{alias} shows another host key than the pinned one",
        ),
        (
            r"no matching host key type found",
            HostKeyUnknown,
            "{alias} has no host key of the pinned type",
        ),
        (
            r"^No \S+ host key is known for|^Host key verification failed",
            HostKeyUnknown,
            "No host key is pinned for {alias}",
        ),
        (
            r"^\S+: Permission denied \([a-z,-]*\)|Too many authentication failures",
            LoginRefused,
            "{alias} does not accept the key for user {user}",
        ),
        (
            r"^ssh: Could not resolve hostname",
            HostUnreachable,
            "The name {host} does not resolve",
        ),
        (
            r"^ssh: connect to (host|address) ",
            HostUnreachable,
            "Nothing answers at {host} port {port}",
        ),
        (
            r"^(kex|ssh)_exchange_identification|banner exchange|^Protocol major versions differ",
            HostUnreachable,
            "What answers at {host} port {port} does not begin an SSH session",
        ),
        (
            r"^Unable to negotiate with",
            HostUnreachable,
            "{alias} has no encryption in common with us",
        ),
        (
            r"^(client_loop|packet_write|ssh_disp|Timeout, |Read from |Connection (to|\w+ by) )",
            ConnectionLost,
            "The connection to {alias} broke",
        ),
    )
)


def ssh_failure(target: SshTarget, stderr: str, exit_code: int) -> SshError | None:
    """What went wrong between ssh and the server, or None where ssh itself has no complaint.

    Pure.

    Args:
        target: The server.
        stderr: What ssh (or an rsync over it) printed.
        exit_code: Of ssh; rsync hands on 255 or makes another code of it.
    """
    for pattern, kind, message in _MEANINGS:
        if found := pattern.search(stderr):
            what = message.format(
                alias=target.alias, host=target.host, port=target.port, user=target.user
            )
            return kind(f"{what}: {_line_around(stderr, found.start())}")
    if exit_code == SSH_FAILED:
        last = stderr.strip().splitlines()[-1:] or ["ssh said nothing"]
        return ConnectionLost(f"The connection to {target.alias} ended: {last[0].strip()}")
    return None


def diagnose(target: SshTarget) -> SshError | None:
    """Log in once more, only to learn why it failed, or None where it works.

    At the level of detail of a transfer, ssh keeps quiet about a server that ends the connection
    or has no suitable key. At a level that tells, it prints the server's banner as well, so only
    its last line counts.

    Raises:
        ProgramMissing, ProcessTimeout, SshTargetInvalid.
    """
    with pinned_known_hosts(target) as known_hosts:
        argv = (*ssh_argv(target, known_hosts, log_level="INFO"), "--", target.host, "true")
        finished = run(argv, timeout=4 * CONNECT_TIMEOUT)
    if finished.exit_code != SSH_FAILED:
        return None
    said = readable(finished.stderr).strip().splitlines()
    return ssh_failure(target, "".join(said[-1:]), finished.exit_code)


def _line_around(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    return text[start:].split("\n", 1)[0].strip(" @\r")


def _quoted(path: str) -> str:
    """A path as ssh's option parser reads it: quoted for spaces, no `%` nor quote in it."""
    escaped = _percent(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _percent(path: str) -> str:
    """File names in options may contain `%h` and the like, which ssh expands."""
    return path.replace("%", "%%")
