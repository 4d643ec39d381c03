"""What a person sees on a narrow screen, without colours, and through a pipe."""

import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.parts.program import Program

NARROW = 60
COLOUR = re.compile(r"\x1b\[[\d;]*?(?:3|4|9|10)\d[\d;]*m")
ESCAPE = re.compile(r"\x1b\[[\d;]*m")
NAME = "shop-frontend-production-eu-central"
COMMANDS = (
    ("status",),
    ("plan",),
    ("timeline",),
    ("contract", "list"),
    ("contract", "show", "near"),
    ("preset", "list"),
    ("simulate", "--at", "2098-01-01"),
)


@pytest.fixture
def fleet(installed: Program) -> Program:
    """A server with a long name that stops in ten days."""
    installed.add_server(NAME)
    soon = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
    facts = ("--server", NAME, "--provider", "huawei", "--timezone", "UTC", "--expires", soon)
    installed.do("contract", "add", "near", *facts)
    return installed


def on_terminal(program: Program, *words: str, columns: int) -> str:
    """What a terminal of that width shows."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "daemon", *words],
        env=program.surroundings | {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"},
        cwd=program.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:
        pass  # so Linux says that the other side is closed
    os.close(ours)
    assert child.wait() == 0
    return seen.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_runs_over_the_edge_and_no_date_is_broken(
    fleet: Program, words: tuple[str, ...]
) -> None:
    seen = on_terminal(fleet, *words, columns=NARROW)
    assert not COLOUR.search(seen)
    lines = ESCAPE.sub("", seen).splitlines()
    # Names and addresses that a person may copy stay whole, whatever the width.
    assert [line for line in lines if len(line) > NARROW and " " in line.strip()] == []
    assert not re.search(r"\d{4}-\d\d-\d\d(T\d*)?$\n\s*[T:\d-]+Z", seen, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_pipe_gets_plain_text_and_one_document(fleet: Program, words: tuple[str, ...]) -> None:
    told = fleet.do(*words)
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 100
    assert fleet.ask(*words)
