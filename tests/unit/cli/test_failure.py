"""Failures are told in three parts: what, and what next; or as one JSON document."""

import json

import pytest
import typer

from backends.errors import HostKeyChanged
from daemon.cli.failure import report
from daemon.errors import NotFound


def test_an_error_says_what_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(NotFound("There is no server 'x'.", hint="Did you mean y?"), ["show"]) == 2
    shown = capsys.readouterr()
    assert shown.err == "error: There is no server 'x'.\n next: Did you mean y?\n"
    assert shown.out == ""


def test_a_program_reads_the_same_from_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(HostKeyChanged("Another key."), ["status", "--json"]) == 1
    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    assert (error["code"], error["message"]) == ("HostKeyChanged", "Another key.")
    assert error["hint"].startswith("Someone may be in between")
    assert shown.err == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_an_interruption_is_130(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(error, []) == 130
    assert capsys.readouterr().err.startswith("error: Interrupted.")


def test_the_unforeseen_is_told_in_short_and_in_full_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(ZeroDivisionError("division by zero"), []) == 1
    short = capsys.readouterr().err
    assert short.startswith("error: Something unforeseen: ZeroDivisionError: division by zero")
    assert "Run again with -v" in short
    report(ZeroDivisionError("division by zero"), ["-vv", "status"])
    assert "ZeroDivisionError: division by zero\n" in capsys.readouterr().err


def test_a_name_in_a_message_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report(NotFound("There is no \x1b[2J."), [])
    assert "\x1b" not in capsys.readouterr().err
