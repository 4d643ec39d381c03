"""A real sshd on loopback, for tests and the demonstration; it needs neither root nor pytest."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from backends.types import SshTarget

# SHLVL: bash would read the developer's own ~/.bashrc before every single command.
_CONFIG = """\
ListenAddress {host}
Port {port}
HostKey "{folder}/host_key"
AuthorizedKeysFile "{folder}/authorized_keys"
PidFile none
UsePAM no
UseDNS no
StrictModes no
PermitUserRC no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
MaxStartups 100:30:200
LogLevel VERBOSE
SetEnv SHLVL=1
{extra}
"""

#: Sbin folders are not on an ordinary user's PATH, where sshd lives all the same.
_SEARCH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def find_sshd() -> str | None:
    """The absolute path of sshd; it refuses to start by a relative one."""
    return shutil.which("sshd", path=_SEARCH)


class Sshd:
    """One sshd with a host key, a user key pair and a port of its own.

    Args:
        folder: Private to this server; made when missing. It holds keys, configuration and log.
        forced_command: What runs whatever the client asks for; `$SSH_ORIGINAL_COMMAND` has that.
        key_options: More options of the authorized_keys line, e.g. `restrict`.
        extra: More lines for sshd_config.
        host_key_type: As for `ssh-keygen -t`.
        host: The address that it answers at.
        within: Words before its own command line, such as `ip netns exec NAME`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        forced_command: str = "",
        key_options: str = "",
        extra: str = "",
        host_key_type: str = "ed25519",
        host: str = "127.0.0.1",
        within: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.host = host
        self.identity = folder / "user_key"
        self.log = folder / "sshd.log"
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = _free_port()
        self._forced_command = forced_command
        self._key_options = key_options
        self._extra = extra
        self._host_key_type = host_key_type
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Of the listener while it runs; the connections are its children."""
        return None if self._process is None else self._process.pid

    @property
    def host_key(self) -> str:
        """The public host key as `type base64`."""
        return _public_key(self.folder / "host_key")

    def target(self, alias: str = "server") -> SshTarget:
        """How to log in."""
        return SshTarget(
            alias=alias,
            host=self.host,
            port=self.port,
            user=self.user,
            identity=str(self.identity),
            host_key=self.host_key,
        )

    def start(self) -> None:
        """Return once it answers; a port that was taken meanwhile is exchanged for another."""
        self._prepare()
        for _ in range(5):
            if self._listen():
                return
            self.port = _free_port()
        raise RuntimeError(f"sshd does not start:\n{self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        """End the listener and every connection; safe to repeat."""
        if self._process is None:
            return
        connections = _descendants(self._process.pid)
        self._process.terminate()
        self._process.wait(timeout=10)
        self._process = None
        _kill(connections)

    def cut(self) -> int:
        """Break every connection that is open, as a dying network does.

        Returns how many processes were ended.
        """
        assert self._process is not None
        connections = _descendants(self._process.pid)
        _kill(connections)
        return len(connections)

    def rotate_host_key(self) -> None:
        """Answer with a new host key from now on, on the same port."""
        self.stop()
        _make_key(self.folder / "host_key", self._host_key_type)
        if not self._listen():
            raise RuntimeError(f"sshd does not return:\n{self.log.read_text(errors='replace')}")

    def authorize(
        self, public_key: str, *, forced_command: str = "", key_options: str = ""
    ) -> None:
        """Accept one more public key."""
        options = _key_options(forced_command, key_options)
        with (self.folder / "authorized_keys").open("a") as stream:
            stream.write(f"{options}{public_key}\n")

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.getuid() == 0:
            # Compiled in; the packaged service makes it at boot, which a container never has.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        if not (self.folder / "host_key").exists():
            _make_key(self.folder / "host_key", self._host_key_type)
        if not self.identity.exists():
            _make_key(self.identity, "ed25519")
        (self.folder / "authorized_keys").write_text("")
        self.authorize(
            _public_key(self.identity),
            forced_command=self._forced_command,
            key_options=self._key_options,
        )

    def _listen(self) -> bool:
        sshd = find_sshd()
        if sshd is None:
            raise RuntimeError("sshd is missing: apt-get install openssh-server")
        config = self.folder / "sshd_config"
        values = {"host": self.host, "port": self.port, "folder": self.folder}
        config.write_text(_CONFIG.format(**values, extra=self._extra))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._within, sshd, "-D", "-e", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._answers()

    def _answers(self) -> bool:
        assert self._process is not None
        for _ in range(200):
            if self._process.poll() is not None:
                return False
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
                # A stranger on this port would have made ours end; look once more.
                return self._process.poll() is None
            time.sleep(0.05)
        return False


def _make_key(path: Path, kind: str) -> None:
    for old in (path, path.with_name(f"{path.name}.pub")):
        old.unlink(missing_ok=True)
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def _public_key(path: Path) -> str:
    return path.with_name(f"{path.name}.pub").read_text().strip()


def _key_options(forced_command: str, key_options: str) -> str:
    escaped = forced_command.replace("\\", "\\\\").replace('"', '\\"')
    command = f'command="{escaped}"' if forced_command else ""
    options = ",".join(part for part in (key_options, command) if part)
    return f"{options} " if options else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _descendants(ancestor: int) -> list[int]:
    """All processes that came from `ancestor`; each connection leads a session of its own."""
    parents = dict(_process_parents())
    found = [ancestor]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found[1:]


def _process_parents() -> list[tuple[int, int]]:
    pairs = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # It may end while we look, which is as good as not being there.
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                pairs.append((int(entry.name), int(fields[1])))
    return pairs


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
