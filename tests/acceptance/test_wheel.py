"""What is installed from the wheel: facts about providers and migrations are in it, too."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.source_code import ROOT
from tests.parts.requirement import require


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout and unpacked as an installer would."""
    found = importlib.util.find_spec("hatchling") is not None
    require(found, "hatchling", "pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(unpacked: Path, *words: str) -> str:
    """A command of the installed program; nothing of the checkout is in its way."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "daemon", *words],
        cwd=unpacked.parent,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(unpacked),
            "HOME": str(unpacked.parent),
            "LAPSEGUARD_CONFIG": str(unpacked.parent / "lapseguard.toml"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_preset_and_every_migration_is_in_it(unpacked: Path) -> None:
    assert carried(unpacked, "daemon/presets", "*.toml", "daemon/presets") > 30
    assert carried(unpacked, "migrations", "**/*.py", "daemon/migrations") > 2


def carried(unpacked: Path, source: str, pattern: str, inside: str) -> int:
    """How many such files of the checkout there are; every one has to be in the wheel."""
    files = [path.relative_to(ROOT / source) for path in (ROOT / source).glob(pattern)]
    assert [str(name) for name in files if not (unpacked / inside / name).is_file()] == []
    return len(files)


def test_neither_tests_nor_state_are_in_it(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir() if "dist-info" not in path.name} == {
        "daemon",
        "backends",
    }


def test_the_installed_program_knows_its_presets_and_makes_its_database(unpacked: Path) -> None:
    assert "huawei-ecs-international" in run(unpacked, "preset", "list")
    store = unpacked.parent / "store"
    store.mkdir()
    state = unpacked.parent / "state"
    run(unpacked, "init", "--state-dir", str(state), "--store-url", f"file://{store}")
    assert run(unpacked, "contract", "list", "--json").strip() == "[]"
