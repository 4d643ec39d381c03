"""Pushes a restored image to a replacement server, and proves what arrived."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from backends.errors import (
    BackendError,
    LocalPathUnusable,
    ProcessStopped,
    RsyncMissing,
    SourceAccessDenied,
    TransferFailed,
    TransferInterrupted,
)
from backends.process import Running, readable
from backends.rsync.complaints import parse_complaints
from backends.rsync.exit_codes import Verdict, exit_meaning
from backends.rsync.output import unescape_name
from backends.rsync.push_command import PushSpec, push_argv
from backends.rsync.version import require_local_rsync
from backends.ssh import (
    check_identity,
    check_target,
    diagnose,
    pinned_known_hosts,
    ssh_argv,
    ssh_failure,
)
from backends.types import Omission

_ENVIRONMENT: Final = {"HOME": "/nonexistent"}
_STDERR_LIMIT: Final = 8 << 20
#: `%i %l %n`: what changed, bytes, name.
_LINE: Final = re.compile(rb"(?P<item>\S{11}) (?P<size>\d+) (?P<name>.*)\n?", re.DOTALL)
_NO_RSYNC: Final = re.compile(r"rsync: (command )?not found|command not found: rsync")
_NO_SUDO: Final = re.compile(r"^sudo: ", re.MULTILINE)
#: Attributes of a sender in disguise come in another order, and then count as other ones.
_NOTHING_BUT_ATTRIBUTES: Final = re.compile(rb"..\.{8}x")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """What a push did.

    Attributes:
        files: Regular files that were sent.
        bytes: Their content.
        omissions: What could not be written there, with reasons.
    """

    files: int
    bytes: int
    omissions: tuple[Omission, ...]


class RsyncPush:
    """Pushes by the rsync and ssh of this machine.

    Args:
        stop: Once set, the push ends with TransferInterrupted; what has arrived stays.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop

    def push(
        self,
        spec: PushSpec,
        on_file: Callable[[int], None] = lambda _: None,
        *,
        checksum: bool = False,
    ) -> PushReport:
        """Send what differs; `on_file` takes the size of each file that was sent.

        Args:
            spec: What to push.
            on_file: Called in this thread.
            checksum: Compare the content of files that look equal as well.

        Raises:
            SshError, TransferError, LocalError: what has arrived stays there.
        """
        files = size = 0
        stderr: list[bytes] = []
        for item, length, _ in self._run(spec, stderr, checksum=checksum):
            if item.startswith(b"<f"):
                files, size = files + 1, size + length
                on_file(length)
        omissions = tuple(
            Omission(path=complaint.path, reason=complaint.reason)
            for complaint in parse_complaints(b"".join(stderr)).complaints
        )
        return PushReport(files=files, bytes=size, omissions=omissions)

    def compare(self, spec: PushSpec) -> tuple[Omission, ...]:
        """What on the server is not as in the image: both sides read and hash every file.

        Raises:
            SshError, TransferError: see `push`.
        """
        stderr: list[bytes] = []
        return tuple(
            Omission(path=name, reason=_difference(item))
            for item, _, name in self._run(spec, stderr, checksum=True, dry=True)
            if not _NOTHING_BUT_ATTRIBUTES.match(item) and item[2:] != b"." * 9
        )

    def _run(
        self, spec: PushSpec, stderr: list[bytes], *, checksum: bool = False, dry: bool = False
    ) -> Iterator[tuple[bytes, int, bytes]]:
        require_local_rsync()
        check_target(spec.target)
        check_identity(spec.target)
        with pinned_known_hosts(spec.target) as known_hosts:
            argv = push_argv(
                spec, ssh=ssh_argv(spec.target, known_hosts), checksum=checksum, dry=dry
            )
            running = Running(
                argv,
                env=_ENVIRONMENT,
                stop=self._stop,
                stderr_limit=_STDERR_LIMIT,
                tethered=True,
            )
            lines = 0
            try:
                with running:
                    for line in running.lines():
                        lines += 1
                        if found := _LINE.fullmatch(line):
                            yield found["item"], int(found["size"]), unescape_name(found["name"])
                    exit_code = running.wait()
            except ProcessStopped as error:
                raise TransferInterrupted("The push was stopped on request") from error
        stderr.append(running.stderr)
        failure = _failure(spec, exit_code, readable(running.stderr))
        if isinstance(failure, TransferInterrupted) and not lines:
            failure = diagnose(spec.target) or failure
        if failure is not None:
            raise failure


def _difference(item: bytes) -> str:
    if item[2:3] in (b"+", b" "):
        return "it is not there"
    facts = {b"c": "content", b"s": "size", b"t": "time", b"p": "mode", b"o": "owner"}
    facts |= {b"g": "group", b"a": "ACL"}
    found = [fact for letter, fact in facts.items() if letter in item[2:].lower()]
    return f"it has another {', '.join(found) or 'type'}"


def _failure(spec: PushSpec, exit_code: int, said: str) -> BackendError | None:
    meaning = exit_meaning(exit_code)
    if meaning.verdict in {Verdict.COMPLETE, Verdict.PARTIAL, Verdict.VANISHED}:
        return None
    if failure := ssh_failure(spec.target, said, 0):
        return failure
    if _NO_RSYNC.search(said):
        return RsyncMissing(
            f"rsync is not installed on {spec.target.host}",
            hint="On the server: `apt-get install rsync`.",
        )
    if spec.sudo and _NO_SUDO.search(said):
        return SourceAccessDenied(f"{spec.target.user} may not run rsync by sudo there")
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")
    message = f"The push to {spec.target.host} ended: {meaning.reason}{first and ': ' + first}"
    if meaning.verdict is Verdict.LOCAL:
        # Code 11 is of whichever side could not write, and here that is the server.
        return LocalPathUnusable(message, hint="See that there is room on the server.")
    return TransferInterrupted(message) if meaning.retryable else TransferFailed(message)
