"""Every command explains itself, and speaks JSON where it answers a question."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import pytest
from typer.main import get_command

from daemon.cli.app import COMMANDS, app, load_command
from daemon.errors import ExitCode
from tests.parts.requirement import require

#: Commands by their last word that only look; whatever they say must be readable by programs.
READING = {"list", "show", "status", "history", "validate", "current", "snapshots", "check"}
READING |= {"probe"}


def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command and everything below it, by its words on the command line."""
    yield name, command
    for word, child in getattr(command, "commands", {}).items():
        yield from walk(f"{name} {word}", child)


def every_command() -> dict[str, Any]:
    return {
        words: command for name in COMMANDS for words, command in walk(name, load_command(name))
    }


@pytest.mark.parametrize(("words", "command"), every_command().items())
def test_every_command_and_every_option_says_what_it_does(words: str, command: Any) -> None:
    assert (command.help or "").strip(), words
    silent = [parameter.name for parameter in command.params if not parameter.help]
    assert silent == [], words


@pytest.mark.parametrize("words", [w for w in every_command() if w.split()[-1] in READING])
def test_every_reading_command_speaks_json(words: str) -> None:
    options = {option for p in every_command()[words].params for option in p.opts}
    assert "--json" in options


@pytest.mark.parametrize("name", COMMANDS)
def test_the_overview_says_of_a_command_what_the_command_says_itself(name: str) -> None:
    summary = COMMANDS[name][1]
    own = " ".join((load_command(name).help or "").split())
    assert own.startswith(summary.rstrip("."))


def test_the_exit_codes_are_in_the_help() -> None:
    epilog = get_command(app).epilog or ""
    for code in ExitCode:
        assert f"{code.value} " in epilog


def test_the_installed_programs_are_ours() -> None:
    ours = {point.name: point.value for point in entry_points(group="console_scripts")}
    expected = {"lapseguard": "daemon.cli.app:main", "backup-now": "daemon.cli.app:backup_now"}
    require("lapseguard" in ours, "the installed package", "pip install -e .")
    assert {name: ours[name] for name in expected} == expected
