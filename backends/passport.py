"""A server's passport: what a person needs to know to build the same host again.

A few dozen short, read-only commands, each best effort: one that is missing, refused or slow makes
a gap that says so, never an error. The result is one text that needs no program to read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from backends.errors import ConnectionLost, SshError
from backends.process import Finished, readable

#: Seconds for one command.
_QUICK: Final = 15.0
#: Bytes kept of one answer; a list of packages takes some 200 KiB.
_LONGEST: Final = 1 << 20


class Shell(Protocol):
    """Runs a command somewhere; `backends.shell.RemoteShell` does."""

    def run(self, argv: Sequence[str], timeout: float) -> Finished:
        """Run one command and wait for its end. Raises SshError."""


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
    Question(topic="packages held back", commands=("apt-mark showhold",)),
    Question(
        topic="enabled services",
        commands=(
            "systemctl list-unit-files --state=enabled --no-legend --no-pager --plain",
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


def take_passport(
    server: str,
    shell: Shell,
    *,
    now: Callable[[], datetime],
    questions: Sequence[Question] = QUESTIONS,
) -> Passport:
    """Ask a server about itself.

    Args:
        server: Its name here.
        shell: Runs commands on it.
        now: The clock.
        questions: What to ask.

    Raises:
        ConnectionLost: the connection broke; every other failure is a gap.
    """
    taken_at = now()
    entries = tuple(_ask(question, shell) for question in questions)
    return Passport(server=server, taken_at=taken_at, entries=entries)


def _ask(question: Question, shell: Shell) -> Entry:
    problem, command = "", ""
    for command in question.commands:
        try:
            finished = shell.run(command.split(), _QUICK)
        except ConnectionLost:
            raise
        except SshError as error:
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
