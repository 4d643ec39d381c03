"""How the program behaves as a process: exit codes, streams, help."""

import os
import pty
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.parts.program import Program


def test_a_slip_on_the_command_line_is_exit_code_two_and_names_the_help(program: Program) -> None:
    for words in (("servr",), ("server", "ad"), ("server", "list", "--jsn"), ("contract", "show")):
        ended = program.run(*words)
        assert ended.exit_code == 2
        assert ended.err.startswith("error: ")
        assert "--help` shows what it takes." in ended.err
        assert ended.out == ""
    assert "Did you mean 'server'?" in program.run("servr").err


def test_a_group_without_a_command_shows_its_help(program: Program) -> None:
    ended = program.run("server")
    assert "add" in ended.out + ended.err
    assert ended.exit_code == 2
    assert "error:" not in ended.err


def test_the_version_is_answered_without_settings(program: Program) -> None:
    assert re.fullmatch(r"lapseguard \d+\.\d+\.\d+\n", program.do("--version"))
    assert program.do("status", "--version") == program.do("--version")


def test_a_failure_is_one_json_document_where_json_was_asked_for(program: Program) -> None:
    ended = program.run("status", "--json")
    assert set(ended.error) == {"code", "message", "hint"}
    assert ended.err == ""


def test_a_traceback_is_shown_only_on_request(program: Program) -> None:
    assert "Traceback" not in program.run("status").err
    assert "Traceback" in program.run("status", "-v").err


def test_quiet_leaves_only_what_was_asked_for(installed: Program) -> None:
    assert installed.run("-q", "db", "upgrade").out == ""
    assert installed.run("-q", "store", "list").out != ""


def test_logs_go_to_standard_error_as_json_on_request(installed: Program) -> None:
    add = ("contract", "close", "none", "--reason", "x")
    assert installed.run(*add, "--log-json").out == ""
    installed.add_server()
    ended = installed.run("--log-json", "server", "remove", "web-1", "--yes")
    assert '"event": "server.removed"' in ended.err


def test_under_a_service_manager_logs_are_json_without_being_asked(installed: Program) -> None:
    installed.add_server()
    service = replace(installed, environment={"INVOCATION_ID": "1f0c"})
    ended = service.run("server", "remove", "web-1", "--yes")
    assert '"event": "server.removed"' in ended.err


def test_a_question_is_asked_at_a_terminal_and_its_answer_counts(installed: Program) -> None:
    installed.add_server()
    assert answered(installed, b"n\n", "server", "remove", "web-1") == 2
    assert [server["server"] for server in installed.ask("server", "list")] == ["web-1"]
    assert answered(installed, b"y\n", "server", "remove", "web-1") == 0
    assert installed.ask("server", "list") == []


def answered(program: Program, answer: bytes, *words: str) -> int:
    ours, its = pty.openpty()
    with program.start(*words, stdin=its) as child:
        os.write(ours, answer)
        child.communicate(timeout=60)
    os.close(ours)
    os.close(its)
    return child.returncode


def test_a_reader_that_stops_reading_is_no_error_of_ours(installed: Program) -> None:
    with installed.start("config", "schema") as writer:
        writer.stdout.close()
        err = writer.stderr.read()
    assert writer.returncode != 0
    assert err == b""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("lapseguard safe", ["safe-to-lapse"]),
        ("lapseguard contract re", ["renew"]),
        ("lapseguard contract renew --t", ["--term", "--timezone"]),
        ("lapseguard contract renew --dry", ["--dry-run"]),
        ("lapseguard contract ack --decision mi", ["migrated"]),
    ],
)
def test_completion_knows_commands_options_and_choices(
    program: Program, words: str, completed: list[str]
) -> None:
    assert complete(program, words) == completed


def test_completion_knows_what_there_is_by_name(installed: Program) -> None:
    """Servers, contracts, stores and presets, also by the settings file that the line names."""
    for name in ("web-1", "web-2", "db-1"):
        installed.add_server(name)
    installed.add_contract("rent")
    elsewhere = replace(installed, environment={"LAPSEGUARD_CONFIG": "/nowhere"})
    assert complete(installed, "lapseguard backup-now we") == ["web-1", "web-2"]
    assert complete(installed, "lapseguard contract renew r") == ["rent"]
    assert complete(installed, "lapseguard preset show hetz") != []
    assert complete(installed, "lapseguard server dump add web-1 pos") == [
        "postgres",
        "postgres-globals",
    ]
    assert complete(installed, "lapseguard server freeze web-1 --snapshot a") == ["auto"]
    installed.do("server", "dump", "add", "web-1", "redis")
    assert complete(installed, "lapseguard server dump remove web-1 r") == ["redis.rdb"]
    assert complete(installed, "lapseguard server dump remove web-2 r") == []
    assert complete(elsewhere, "lapseguard backup-now we") == []
    line = f"lapseguard --config {installed.settings} backup-now d"
    assert complete(elsewhere, line) == ["db-1"]


def complete(program: Program, words: str) -> list[str]:
    """What the shell offers for the last of these words."""
    environment = {
        **program.environment,
        "_LAPSEGUARD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    completed = replace(program, environment=environment).run()
    assert completed.err == ""
    return completed.out.split()


def test_a_signal_ends_it_with_130_and_a_next_step(installed: Program) -> None:
    started = installed.folder / "started"
    # A moment later, when whoever started it has gone on to wait for it.
    command = f'["sh", "-c", "sleep 0.3; touch {started}; exec sleep 60"]'
    secrets = f"access_key_id_command = {command}\nsecret_access_key_command = {command}"
    text = installed.settings.read_text().replace("[defaults]", f"{secrets}\n[defaults]")
    installed.settings.write_text(text)
    with installed.start("config", "validate") as child:
        wait_for(started)
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert err.startswith(b"error: Interrupted.")


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline, "the program started nothing"
        time.sleep(0.05)
