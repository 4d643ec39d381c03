"""What is published names no machine it was made on, and every exception from a rule its reason."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_code import PACKAGES, ROOT
from tests.parts.requirement import require, require_program

#: Somebody's own folders, and addresses that only say where packages came from.
MACHINE = re.compile(r"(?<![\w./-])/(?:root|home/\w+)/|https?://\S+/simple\b")
#: Tests of the rule, and texts whose subject is somebody's folder.
EXEMPT = {"tests/architecture/test_text.py"}
IGNORE = re.compile(
    r"#\s*(?:noqa: [A-Z0-9, ]*[A-Z0-9]|type: ignore\[[\w, -]+\]|ruff: noqa: \S+)(.*)"
)


def published_files() -> list[Path]:
    """Every text file under version control."""
    require_program("git", "git")
    require((ROOT / ".git").exists(), "a git checkout", "run from a clone")
    argv = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listing = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True).stdout
    paths = [ROOT / name.decode() for name in listing.split(b"\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()]


def machine_places(text: str) -> Iterator[str]:
    """Lines that name a machine's folder or a package host."""
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE.search(line):
            yield f"{number}: {line.strip()}"


def unreasoned(text: str) -> Iterator[str]:
    """Lines that ignore a rule without saying why, beside it or on the line before."""
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        found = IGNORE.search(line)
        explained = before.lstrip().startswith("#") and "noqa" not in before
        if found and not found.group(1).strip(" -#") and not explained:
            yield f"{number}: {line.strip()}"
        before = line


def test_no_published_file_names_a_machine() -> None:
    found = {
        name: places
        for path in published_files()
        if (name := path.relative_to(ROOT).as_posix()) not in EXEMPT
        and (places := list(machine_places(path.read_text())))
    }

    assert found == {}


def test_every_exception_from_a_rule_has_its_reason() -> None:
    found = {
        path.name: lines
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if (lines := list(unreasoned(path.read_text())))
    }

    assert found == {}


@pytest.mark.parametrize(
    "line", ["see /home/li/x", "'/root/.ssh/id'", "https://index.example/simple"]
)
def test_a_machine_is_recognised(line: str) -> None:
    assert len(list(machine_places(line))) == 1


@pytest.mark.parametrize("line", ["x = 1  # noqa: S101", "y  # type: ignore[misc]"])
def test_a_bare_exception_is_recognised(line: str) -> None:
    assert len(list(unreasoned(line))) == 1
    assert list(unreasoned(f"{line} - because")) == []
    assert list(unreasoned(f"# Because.\n{line}")) == []
