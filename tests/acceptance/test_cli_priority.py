"""Backups give way to other programs of this host as far as the settings say."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.parts.installation import SERVER, Install, Installation
from tests.parts.requirement import require_program

#: Notes what it is started with, and goes on as the real one.
RSYNC = """#!/bin/sh
nice > {folder}/nice
ionice > {folder}/io
exec {rsync} "$@"
"""


@pytest.fixture
def watched(install: Install, tmp_path: Path) -> Installation:
    """An installation whose rsync notes its priorities in `tmp_path`."""
    require_program("ionice", "util-linux")
    require_program("rsync", "rsync")
    wrapper = tmp_path / "bin" / "rsync"
    wrapper.parent.mkdir()
    wrapper.write_text(RSYNC.format(folder=tmp_path, rsync=shutil.which("rsync")))
    wrapper.chmod(0o755)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_text("text")
    installation = install()
    installation.enrol(tmp_path / "source")
    path = f"{wrapper.parent}:{os.environ['PATH']}"
    return replace(installation, program=replace(installation.program, environment={"PATH": path}))


def set_priority(installation: Installation, text: str) -> None:
    settings = installation.program.settings
    settings.write_text(settings.read_text().replace("[defaults]", f"[defaults]\n{text}"))


def test_what_a_backup_starts_gives_way_as_it_does_itself(
    watched: Installation, tmp_path: Path
) -> None:
    set_priority(watched, 'nice = 7\nio_priority = "idle"\n')

    watched.program.do("backup-now", SERVER)

    assert int((tmp_path / "nice").read_text()) == max(7, os.getpriority(os.PRIO_PROCESS, 0))
    assert (tmp_path / "io").read_text().startswith("idle")


def test_by_default_nothing_is_changed(watched: Installation, tmp_path: Path) -> None:
    watched.program.do("backup-now", SERVER)

    assert int((tmp_path / "nice").read_text()) == os.getpriority(os.PRIO_PROCESS, 0)
    assert not (tmp_path / "io").read_text().startswith("idle")


def test_a_priority_that_does_not_exist_is_refused(watched: Installation) -> None:
    set_priority(watched, "nice = 20\n")

    said = watched.program.fail("status")

    assert "`defaults.nice`" in said["message"]
