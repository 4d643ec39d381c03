"""The passport of a real server: this machine, seen over a real sshd."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest

from backends.errors import ConnectionLost, HostUnreachable, RemoteCommandFailed
from backends.passport import QUESTIONS, Asking, Passport, Question
from backends.process import Finished
from backends.shell import RemoteShell
from backends.snapshot.commands import Shell
from tests.parts.scripted_shell import Answer, ScriptedShell, failing
from tests.parts.sshd import Sshd

AT = datetime(2026, 11, 23, 6, 1, 1, tzinfo=UTC)
TOPICS = tuple(question.topic for question in QUESTIONS)
(ENABLED,) = (question for question in QUESTIONS if question.topic == "enabled services")


def scripted(*answers: tuple[str, Answer]) -> ScriptedShell:
    """A server that runs commands, as it shows by repeating what it is told to."""
    shell = ScriptedShell(("echo", lambda: shell.said[-1].removeprefix("echo ")), *answers)
    return shell


def take(
    connect: Callable[[], AbstractContextManager[Shell]], *questions: Question, **wishes: float
) -> Passport:
    asking = Asking("web-1", now=lambda: AT, questions=questions or QUESTIONS, **wishes)
    asking.ask(connect)
    return asking.passport()


def test_a_server_says_what_it_takes_to_build_it_again(sshd: Sshd) -> None:
    passport = take(lambda: RemoteShell(sshd.target()))

    text = passport.render().decode()
    assert text.startswith("Passport of web-1, 2026-11-23 06:01:01 UTC\n")
    assert f"{os.uname().sysname} {os.uname().nodename} {os.uname().release}" in text
    assert "openssh-server" in text
    assert "root:x:0:0" in text
    assert {"operating system", "packages", "users", "groups", "mounts"}.isdisjoint(passport.gaps)


def test_every_topic_is_in_the_passport_whether_or_not_it_is_known() -> None:
    passport = take(scripted(("", failing("not found", 127))).connect)

    assert passport.gaps == TOPICS
    for topic in TOPICS:
        assert f"== {topic}\n" in passport.render().decode()


def test_the_second_way_to_ask_is_tried_where_the_first_fails_or_hangs() -> None:
    shell = scripted(
        ("dpkg", failing("not found", 127)),
        ("rpm", RemoteCommandFailed("`rpm` took longer than 15 seconds")),
        ("apk", "busybox-1.36"),
    )
    question = Question(topic="packages", commands=("dpkg -l", "rpm -qa", "apk info"))

    (entry,) = take(shell.connect, question).entries

    assert (entry.command, entry.answer, entry.problem) == ("apk info", "busybox-1.36", "")


def test_where_systemd_does_not_run_nobody_waits_for_its_answer() -> None:
    shell = scripted(
        ("test -d /run/systemd/system", failing("", 1)),
        ("find /etc/systemd/system", "/etc/systemd/system/multi-user.target.wants/cron.service"),
        ("hostname -f", "web-1.example.org"),
    )

    passport = take(shell.connect)

    assert not [line for line in shell.said if line.startswith(("systemctl", "timedatectl"))]
    assert b"multi-user.target.wants/cron.service" in passport.render()
    assert b"web-1.example.org" in passport.render()
    assert b"== timers\n$ systemctl list-timers" in passport.render()
    assert b"(systemd is not running)" in passport.render()
    assert {"enabled services", "names"}.isdisjoint(passport.gaps)


@pytest.mark.parametrize(
    "answer",
    [
        Finished(exit_code=0, stdout=b"", stderr=b""),
        failing("lapseguard-source: not permitted", 126),
        RemoteCommandFailed("`test` took longer than 15 seconds"),
    ],
)
def test_where_systemd_runs_or_nobody_knows_it_is_asked(answer: Answer) -> None:
    shell = scripted(
        ("test -d /run/systemd/system", answer), ("list-unit-files", "cron.service enabled")
    )

    (entry,) = take(shell.connect, ENABLED).entries

    assert entry.answer == "cron.service enabled"


def test_what_would_steer_a_terminal_is_shown_and_not_obeyed() -> None:
    shell = scripted(("", Finished(exit_code=0, stdout=b"name\x1b[2J", stderr=b"")))

    assert b"\x1b" not in take(shell.connect).render()


def test_a_connection_that_breaks_leaves_what_was_answered_before() -> None:
    shell = scripted(("os-release", "Debian"), ("", ConnectionLost("gone")))

    passport = take(shell.connect)

    assert passport.gaps == TOPICS[1:]
    assert b"Debian" in passport.render()
    assert b"(gone)" in passport.render()


def test_a_server_that_cannot_be_reached_has_a_passport_of_gaps() -> None:
    def refuse() -> AbstractContextManager[Shell]:
        raise HostUnreachable("No SSH session with 192.0.2.7")

    assert take(refuse).gaps == TOPICS


@pytest.mark.parametrize("forced", ["echo 'This key only runs rsync' >&2; exit 1", "true"])
def test_a_login_that_may_not_run_commands_is_asked_only_once(
    make_sshd: Callable[..., Sshd], forced: str
) -> None:
    host = make_sshd(forced_command=forced)

    passport = take(lambda: RemoteShell(host.target()))

    assert passport.gaps == TOPICS
    assert b"may not run commands" in passport.render()
    assert host.log.read_text().count("Starting session") == 1


def test_commands_that_hang_take_no_longer_than_the_whole_may(sshd: Sshd) -> None:
    questions = [Question(topic=f"{number}", commands=("sleep 30",)) for number in range(3)]

    passport = take(
        lambda: RemoteShell(sshd.target()),
        Question(topic="kernel", commands=("uname",)),
        *questions,
        seconds=1.5,
    )

    assert passport.gaps == ("0", "1", "2")
    assert b"took longer than" in passport.render()
    assert b"(there was no time left)" in passport.render()
