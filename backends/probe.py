"""What a server can do for us, found out by asking it; every answer is best effort."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from backends.errors import BackendError
from backends.process import Finished, readable
from backends.questions import QUICK, TIMED_OUT, ask, last_words, refusal
from backends.rsync.command import normal_path
from backends.rsync.version import RsyncVersion, parse_version
from backends.shell import RemoteShell
from backends.snapshot.commands import Shell
from backends.source_probe import SourceProbe, probe_source
from backends.ssh import fingerprint
from backends.types import SshTarget

#: Seconds for adding up the sizes below one path; a large tree takes longer and stays unknown.
SIZE_SECONDS = 20.0

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[_Value]):
    """Something asked of a server.

    Attributes:
        value: What it said, or None where it is not known.
        problem: Why it is not known, or what is doubtful about the value; else empty.
    """

    value: _Value | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathProbe:
    """One path that is to be saved.

    Attributes:
        path: As asked for.
        kind: `directory`, `regular file`, … in the words of stat; a link is not followed.
        readable: Whether the user may read it, without sudo.
        link_target: Where it points to, if it is a symbolic link: only the link would be saved.
        size: Bytes below it on its own file system, each file's length counted once.
        free: Bytes free on its file system.
    """

    path: str
    kind: Answer[str]
    readable: Answer[bool]
    link_target: str | None
    size: Answer[int]
    free: Answer[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProbe:
    """What one connection found out.

    Attributes:
        problem: Why there was no connection, or None.
        fingerprint: Of the host key that was pinned, and shown by the server if connected.
        forced_command: What the key's forced command said instead of running ours, or None. All
            other answers are then unknown, which says nothing against a pull.
        system: Kernel and distribution.
        rsync: Its version there.
        rsync_advice: What is to be said about that version, or None.
        sudo: Whether `sudo -n rsync` works.
        rrsync: Where the script is that restricts a key to reading by rsync.
        clock_offset: Seconds that the server's clock is ahead of ours.
        paths: In the order asked for.
        source: What could be frozen and dumped there; None where nothing could be asked.
    """

    problem: BackendError | None
    fingerprint: str
    forced_command: str | None
    system: Answer[str]
    rsync: Answer[RsyncVersion]
    rsync_advice: str | None
    sudo: Answer[bool]
    rrsync: Answer[str]
    clock_offset: Answer[float]
    paths: tuple[PathProbe, ...]
    source: SourceProbe | None = None

    @property
    def reachable(self) -> bool:
        """Whether the login worked."""
        return self.problem is None

    @property
    def size(self) -> int | None:
        """Bytes below all paths; None where it is not known of one."""
        sizes = [path.size.value for path in self.paths]
        return None if None in sizes else sum(size for size in sizes if size is not None)


def probe_server(
    target: SshTarget,
    paths: Iterable[str],
    *,
    sudo: bool = False,
    one_file_system: bool = False,
    now: Callable[[], datetime],
    size_seconds: float = SIZE_SECONDS,
) -> ServerProbe:
    """Log in once and ask; a server that cannot be reached is an answer, not an error.

    Args:
        target: The server.
        paths: What is to be saved.
        sudo: Whether sizes are taken by `sudo -n`, as the pull will read them.
        one_file_system: Whether a pull stays on each path's own file system.
        now: The clock to hold the server's against.
        size_seconds: Time for adding up the sizes of one path.

    Raises:
        SshTargetInvalid, SourcePathInvalid: what is asked for cannot be asked.
    """
    wanted = [normal_path(path) for path in paths]
    shell = RemoteShell(target)
    shown = fingerprint(target.host_key)
    try:
        with shell:
            questions = Questions(shell, now)
            found = questions.ask(wanted, shown, sudo=sudo, seconds=size_seconds)
            if found.forced_command is not None:
                return found
            return replace(
                found, source=probe_source(shell, wanted, one_file_system=one_file_system)
            )
    except BackendError as error:
        return _unknown(wanted, shown, str(error), problem=error)


class Questions:
    """The questions about the server itself and its paths, over one connection."""

    def __init__(self, shell: Shell, now: Callable[[], datetime]) -> None:
        self._shell = shell
        self._now = now

    def ask(self, paths: list[str], shown: str, *, sudo: bool, seconds: float) -> ServerProbe:
        """What the server says, but for its source. Raises SshError."""
        forced = refusal(self._shell)
        if forced is not None:
            reason = "the key runs only a forced command on the server"
            return _unknown(paths, shown, reason, forced_command=forced)
        version = self._rsync_version()
        return ServerProbe(
            problem=None,
            fingerprint=shown,
            forced_command=None,
            system=self._system(),
            rsync=version,
            rsync_advice=None if version.value is None else version.value.advice,
            sudo=self._sudo(),
            rrsync=self._rrsync(),
            clock_offset=self._clock_offset(),
            paths=tuple(self._path(path, sudo=sudo, seconds=seconds) for path in paths),
        )

    def _run(self, *argv: str, timeout: float = QUICK) -> Finished:
        return ask(self._shell, *argv, timeout=timeout)

    def _rsync_version(self) -> Answer[RsyncVersion]:
        finished = self._run("rsync", "--version")
        version = parse_version(readable(finished.stdout))
        if version is None:
            return Answer(problem=last_words(finished))
        return Answer(value=version)

    def _sudo(self) -> Answer[bool]:
        finished = self._run("sudo", "-n", "rsync", "--version")
        works = parse_version(readable(finished.stdout)) is not None
        return Answer(value=works, problem="" if works else last_words(finished))

    def _rrsync(self) -> Answer[str]:
        finished = self._run("sh", "-c", "command -v rrsync")
        place = readable(finished.stdout).strip()
        return Answer(value=place) if place else Answer(problem="rrsync is not installed there")

    def _system(self) -> Answer[str]:
        kernel = readable(self._run("uname", "-srm").stdout).strip()
        release = readable(self._run("cat", "/etc/os-release").stdout)
        found = re.search(r'^PRETTY_NAME="?([^"\n]*)', release, re.MULTILINE)
        described = ", ".join(part for part in (kernel, found[1] if found else "") if part)
        return Answer(value=described) if described else Answer(problem="it does not say")

    def _clock_offset(self) -> Answer[float]:
        before = self._now()
        finished = self._run("date", "+%s.%N")
        after = self._now()
        # Where date knows no nanoseconds it leaves `%N`, or only the letter, as it is.
        found = re.match(r"(\d+(?:\.\d+)?)", readable(finished.stdout))
        if not found:
            return Answer(problem=last_words(finished))
        server = datetime.fromtimestamp(float(found[1]), UTC)
        return Answer(value=(server - before - (after - before) / 2).total_seconds())

    def _path(self, path: str, *, sudo: bool, seconds: float) -> PathProbe:
        kind = self._kind(path)
        if kind.value is None and not sudo:
            return _unknown_path(path, kind.problem)
        link = kind.value == "symbolic link"
        return PathProbe(
            path=path,
            kind=kind,
            readable=Answer(value=self._run("test", "-r", path).exit_code == 0),
            link_target=readable(self._run("readlink", "--", path).stdout).strip()
            if link
            else None,
            size=self._size(path, sudo=sudo, seconds=seconds),
            free=self._free(path),
        )

    def _kind(self, path: str) -> Answer[str]:
        finished = self._run("stat", "-c", "%F", "--", path)
        if finished.exit_code != 0:
            return Answer(problem=last_words(finished))
        return Answer(value=readable(finished.stdout).strip())

    def _size(self, path: str, *, sudo: bool, seconds: float) -> Answer[int]:
        by = ("sudo", "-n") if sudo else ()
        # The server ends it by itself, since closing the connection would not.
        limit = ("timeout", f"{seconds:g}")
        finished = self._run(*limit, *by, "du", "-sxb", "--", path, timeout=seconds + QUICK)
        found = re.match(rb"(\d+)\s", finished.stdout)
        if finished.exit_code == TIMED_OUT or not found:
            late = f"adding it up takes longer than {seconds:g} seconds"
            return Answer(problem=late if finished.exit_code == TIMED_OUT else last_words(finished))
        return Answer(
            value=int(found[1]),
            problem="" if finished.exit_code == 0 else f"at least; {last_words(finished)}",
        )

    def _free(self, path: str) -> Answer[int]:
        finished = self._run("df", "-Pk", "--", path)
        fields = readable(finished.stdout).splitlines()[-1:]
        found = re.search(r"\s\d+\s+-?\d+\s+(\d+)\s+\S+\s", fields[0]) if fields else None
        return Answer(value=int(found[1]) * 1024) if found else Answer(problem=last_words(finished))


def _unknown(
    paths: list[str],
    shown: str,
    reason: str,
    *,
    problem: BackendError | None = None,
    forced_command: str | None = None,
) -> ServerProbe:
    return ServerProbe(
        problem=problem,
        fingerprint=shown,
        forced_command=forced_command,
        system=Answer(problem=reason),
        rsync=Answer(problem=reason),
        rsync_advice=None,
        sudo=Answer(problem=reason),
        rrsync=Answer(problem=reason),
        clock_offset=Answer(problem=reason),
        paths=tuple(_unknown_path(path, reason) for path in paths),
    )


def _unknown_path(path: str, reason: str) -> PathProbe:
    return PathProbe(
        path=path,
        kind=Answer(problem=reason),
        readable=Answer(problem=reason),
        link_target=None,
        size=Answer(problem=reason),
        free=Answer(problem=reason),
    )
