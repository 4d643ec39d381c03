"""A server's passport: what a person needs to know to build the same host again.

A few dozen short, read-only commands, each best effort: one that is missing, refused or slow makes
a gap that says so, never an error, and so does a login that may run none. The result is one text
that needs no program to read.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backends.errors import BackendError, RemoteCommandFailed
from backends.process import Finished, readable
from backends.questions import QUICK, refusal
from backends.snapshot.commands import Shell

#: Seconds for all of them.
BUDGET: Final = 60.0
#: Why a question was not asked.
LATE: Final = "there was no time left"
#: Likewise.
NOT_BOOTED: Final = "systemd is not running"
#: Tells by its exit code whether systemd runs the server: sd_booted(3) looks for the same folder.
BOOTED: Final = "test -d /run/systemd/system"
#: The exit code of `test` for no; another one says nothing.
_NO: Final = 1
#: Programs that ask systemd. Where it does not run they wait, or read every unit there is, to
#: find that out: two thirds of a second of the server's processor for all of them.
_ASKING_SYSTEMD: Final = ("systemctl", "hostnamectl", "timedatectl")
#: Bytes kept of one answer; a list of packages takes some 200 KiB.
_LONGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something to ask a server.

    Attributes:
        topic: What it is about.
        commands: Ways to ask, best first; the first that answers counts.
    """

    topic: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What came of a question.

    Attributes:
        topic: See `Question`.
        command: What was run last.
        answer: What it printed, fit for a terminal.
        problem: Why there is no answer; else empty.
    """

    topic: str
    command: str
    answer: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passport:
    """All that a server said of itself.

    Attributes:
        server: Its name here.
        taken_at: When (UTC).
        entries: One for each question, in order.
    """

    server: str
    taken_at: datetime
    entries: tuple[Entry, ...]

    @property
    def gaps(self) -> tuple[str, ...]:
        """Topics without an answer."""
        return tuple(entry.topic for entry in self.entries if entry.problem)

    def render(self) -> bytes:
        """The passport as a text file."""
        head = f"Passport of {self.server}, {self.taken_at:%Y-%m-%d %H:%M:%S} UTC\n"
        return "\n".join((head, *map(_render, self.entries))).encode()


_CERTIFICATES: Final = (
    "find -L /etc/letsencrypt/live /etc/ssl/private /etc/nginx /etc/apache2 -maxdepth 3"
    r" ( -name fullchain.pem -o -name cert.pem -o -name *.crt )"
    r" -exec openssl x509 -noout -subject -enddate -in {} ;"
)

#: What systemd is to start is linked there, whether or not it runs now.
_ENABLED: Final = (
    "find /etc/systemd/system -mindepth 2 -maxdepth 2 ( -path *.wants/* -o -path *.requires/* )"
)

#: Words are separated by spaces, and nothing is quoted: none of these needs it.
QUESTIONS: Final = (
    Question(topic="operating system", commands=("cat /etc/os-release",)),
    Question(topic="kernel", commands=("uname -a",)),
    Question(topic="names", commands=("hostnamectl", "hostname -f", "cat /etc/hostname")),
    Question(topic="processors", commands=("lscpu", "cat /proc/cpuinfo")),
    Question(topic="memory", commands=("free -b", "cat /proc/meminfo")),
    Question(
        topic="packages",
        commands=(
            "dpkg-query -W -f ${Package}\\t${Version}\\t${Status}\\n",
            "rpm -qa --qf %{NAME}\\t%{EVR}\\t%{ARCH}\\n",
            "apk info -v",
            "pacman -Q",
        ),
    ),
    Question(
        topic="package sources",
        commands=("grep -rhv ^# /etc/apt/sources.list /etc/apt/sources.list.d", "dnf -q repolist"),
    ),
    Question(
        topic="enabled services",
        commands=(
            "systemctl list-unit-files --state=enabled --no-legend --no-pager --plain",
            _ENABLED,
            "rc-update show",
        ),
    ),
    Question(
        topic="running services",
        commands=("systemctl list-units --type=service --state=running --no-legend --no-pager",),
    ),
    Question(topic="users", commands=("getent passwd", "cat /etc/passwd")),
    Question(topic="groups", commands=("getent group", "cat /etc/group")),
    Question(topic="cron", commands=("grep -rv ^# /etc/crontab /etc/cron.d",)),
    Question(topic="own crontab", commands=("crontab -l",)),
    Question(topic="timers", commands=("systemctl list-timers --all --no-legend --no-pager",)),
    Question(topic="mounts", commands=("findmnt --real", "cat /proc/mounts")),
    Question(topic="mounts at boot", commands=("cat /etc/fstab",)),
    Question(topic="disks", commands=("lsblk -f", "cat /proc/partitions")),
    Question(topic="space", commands=("df -PT", "df -P")),
    Question(topic="listening", commands=("ss -tulnp", "netstat -tulnp")),
    Question(topic="addresses", commands=("ip address", "ifconfig -a")),
    Question(topic="routes", commands=("ip route", "route -n")),
    Question(topic="name servers", commands=("cat /etc/resolv.conf",)),
    Question(topic="fixed names", commands=("cat /etc/hosts",)),
    Question(
        topic="firewall",
        commands=("sudo -n nft list ruleset", "nft list ruleset", "iptables-save"),
    ),
    Question(topic="kernel settings", commands=("grep -rhv ^# /etc/sysctl.conf /etc/sysctl.d",)),
    Question(topic="time zone", commands=("timedatectl", "cat /etc/timezone")),
    Question(topic="certificates", commands=(_CERTIFICATES,)),
    Question(topic="containers", commands=("docker ps --all --no-trunc", "podman ps --all")),
)


class Asking:
    """The questions to one server, asked one after the other; what is known can be read meanwhile.

    Args:
        server: Its name here.
        now: The clock.
        questions: What to ask.
        seconds: For all of it; what is not asked by then is a gap.
    """

    def __init__(
        self,
        server: str,
        *,
        now: Callable[[], datetime],
        questions: Sequence[Question] = QUESTIONS,
        seconds: float = BUDGET,
    ) -> None:
        self._server = server
        self._taken_at = now()
        self._questions = tuple(questions)
        self._deadline = time.monotonic() + seconds
        self._entries: tuple[Entry, ...] = ()
        self._given_up = LATE
        self._booted: bool | None = None

    def ask(self, connect: Callable[[], AbstractContextManager[Shell]]) -> None:
        """Ask everything; whatever goes wrong is the reason for the gaps."""
        try:
            with connect() as shell:
                self._given_up = _refusal(shell) or LATE
                if self._given_up == LATE:
                    self._ask_all(shell)
        except BackendError as error:
            self._given_up = str(error)

    def give_up(self) -> None:
        """Ask nothing more."""
        self._deadline = 0.0

    def passport(self) -> Passport:
        """What is known by now."""
        known = self._entries
        missing = (
            Entry(topic=question.topic, command=question.commands[0], problem=self._given_up)
            for question in self._questions[len(known) :]
        )
        return Passport(server=self._server, taken_at=self._taken_at, entries=(*known, *missing))

    def _ask_all(self, shell: Shell) -> None:
        for question in self._questions:
            entry = _ask(question, self._ways(question, shell), shell, self._seconds)
            if entry is None:
                return
            self._entries = (*self._entries, entry)

    def _ways(self, question: Question, shell: Shell) -> tuple[str, ...]:
        """Those commands of it that can answer here."""
        if not any(map(_asks_systemd, question.commands)):
            return question.commands
        if self._booted is None:
            self._booted = _is_booted(shell)
        return tuple(way for way in question.commands if self._booted or not _asks_systemd(way))

    def _seconds(self) -> float:
        return min(QUICK, self._deadline - time.monotonic())


def _refusal(shell: Shell) -> str:
    """Why there is no point in asking: the key runs a forced command, or there is no shell."""
    try:
        said = refusal(shell)
    except RemoteCommandFailed as error:
        return str(error)
    return "" if said is None else f"the login may not run commands: {said}"


def _is_booted(shell: Shell) -> bool:
    """Whether to ask systemd; in doubt yes."""
    try:
        return shell.run(BOOTED.split(), QUICK).exit_code != _NO
    except RemoteCommandFailed:
        return True


def _asks_systemd(command: str) -> bool:
    return command.startswith(_ASKING_SYSTEMD)


def _ask(
    question: Question, commands: Sequence[str], shell: Shell, left: Callable[[], float]
) -> Entry | None:
    """What came of a question, asked in these ways; None where there was no time for it."""
    problem, command = NOT_BOOTED, question.commands[0]
    for command in commands:
        seconds = left()
        if seconds <= 0:
            return None
        try:
            finished = shell.run(command.split(), seconds)
        except RemoteCommandFailed as error:
            problem = str(error)
            continue
        answer = readable(finished.stdout[:_LONGEST]).strip("\n")
        if answer:
            return Entry(topic=question.topic, command=command, answer=answer)
        problem = _problem(finished)
    return Entry(topic=question.topic, command=command, problem=problem)


def _problem(finished: Finished) -> str:
    if finished.exit_code == 0:
        return "there is nothing"
    said = readable(finished.stderr).strip().splitlines()
    return said[-1] if said else f"ended with {finished.exit_code}"


def _render(entry: Entry) -> str:
    body = entry.answer or f"({entry.problem})"
    return f"== {entry.topic}\n$ {entry.command}\n{body}\n"
