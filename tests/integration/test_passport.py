"""The passport of a real server: this machine, seen over a real sshd."""

import os
from datetime import UTC, datetime

import pytest

from backends.errors import ConnectionLost, RemoteCommandFailed
from backends.passport import QUESTIONS, Question, take_passport
from backends.process import Finished
from backends.shell import RemoteShell
from tests.parts.scripted_shell import ScriptedShell, failing
from tests.parts.sshd import Sshd

AT = datetime(2026, 11, 23, 6, 1, 1, tzinfo=UTC)


def test_a_server_says_what_it_takes_to_build_it_again(sshd: Sshd) -> None:
    with RemoteShell(sshd.target()) as shell:
        passport = take_passport("web-1", shell, now=lambda: AT)

    text = passport.render().decode()
    assert text.startswith("Passport of web-1, 2026-11-23 06:01:01 UTC\n")
    assert f"{os.uname().sysname} {os.uname().nodename} {os.uname().release}" in text
    assert "openssh-server" in text
    assert "root:x:0:0" in text
    assert {"operating system", "packages", "users", "groups", "mounts"}.isdisjoint(passport.gaps)


def test_every_topic_is_in_the_passport_whether_or_not_it_is_known() -> None:
    shell = ScriptedShell(("", failing("not found", 127)))

    passport = take_passport("web-1", shell, now=lambda: AT)

    assert passport.gaps == tuple(question.topic for question in QUESTIONS)
    for question in QUESTIONS:
        assert f"== {question.topic}\n" in passport.render().decode()


def test_the_second_way_to_ask_is_tried_where_the_first_fails_or_hangs() -> None:
    shell = ScriptedShell(
        ("dpkg", failing("not found", 127)),
        ("rpm", RemoteCommandFailed("`rpm` took longer than 15 seconds")),
        ("apk", "busybox-1.36"),
    )
    question = Question(topic="packages", commands=("dpkg -l", "rpm -qa", "apk info"))

    (entry,) = take_passport("web-1", shell, now=lambda: AT, questions=[question]).entries

    assert (entry.command, entry.answer, entry.problem) == ("apk info", "busybox-1.36", "")


def test_what_would_steer_a_terminal_is_shown_and_not_obeyed() -> None:
    shell = ScriptedShell(("", Finished(exit_code=0, stdout=b"name\x1b[2J", stderr=b"")))

    assert b"\x1b" not in take_passport("web-1", shell, now=lambda: AT).render()


def test_a_connection_that_breaks_ends_the_asking() -> None:
    shell = ScriptedShell(("", ConnectionLost("gone")))

    with pytest.raises(ConnectionLost):
        take_passport("web-1", shell, now=lambda: AT)
