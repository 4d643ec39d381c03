"""The systemd unit is valid, closed off, and leaves runs the time to keep what has arrived."""

import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.domain.duration import read_duration
from daemon.service import CHECKPOINT_BUDGET
from tests.architecture.source_code import ROOT
from tests.parts.requirement import require_program

UNIT = ROOT / "deploy" / "lapseguard.service"
SETTINGS = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))


@pytest.fixture
def analyze() -> str:
    return require_program("systemd-analyze", "systemd")


def test_systemd_finds_nothing_to_complain_about(analyze: str, tmp_path: Path) -> None:
    # It looks whether the program is there, which it is on the machine of an operator only.
    text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text())
    copy = tmp_path / UNIT.name
    copy.write_text(text)
    found = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    complaints = [line for line in found.stderr.splitlines() if UNIT.name in line]
    assert complaints == []


def test_the_service_is_exposed_no_more_than_it_has_to_be(analyze: str) -> None:
    argv = [analyze, "security", "--offline=yes", "--threshold=15", UNIT]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_runs_have_time_to_keep_what_has_arrived_before_they_are_killed() -> None:
    given = read_duration(SETTINGS["TimeoutStopSec"])
    assert given >= CHECKPOINT_BUDGET + timedelta(seconds=20)
    assert SETTINGS["KillMode"] == "mixed"


def test_it_is_started_again_however_often_it_fails() -> None:
    assert SETTINGS["Restart"] == "on-failure"
    assert SETTINGS["StartLimitIntervalSec"] == "0"


def test_the_service_manager_waits_until_it_is_ready_and_sees_when_it_hangs() -> None:
    assert SETTINGS["Type"] == "notify"
    assert read_duration(SETTINGS["WatchdogSec"]) >= timedelta(minutes=1)
