"""The arrows between the packages hold, and the contracts would notice if they did not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_code import ROOT


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--config", root / "pyproject.toml", "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_import_contract_is_kept() -> None:
    finished = lint_imports(ROOT)

    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    ("package", "line", "contract"),
    [
        ("backends", "import daemon.clock", "backends is a library"),
        ("backends", "import sqlalchemy", "backends is a library"),
        ("daemon/domain", "import subprocess", "The domain is pure"),
        ("daemon/domain", "import daemon.services", "layers point downwards"),
        ("daemon/store", "import boto3", "Only bootstrap names concrete backends"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    tmp_path: Path, package: str, line: str, contract: str
) -> None:
    for part in ("daemon", "backends", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    (tmp_path / package / "planted.py").write_text(f"{line}\n")

    finished = lint_imports(tmp_path)

    assert finished.returncode == 1
    broken = [said for said in finished.stdout.splitlines() if said.endswith("BROKEN")]
    assert len(broken) == 1, finished.stdout
    assert contract in broken[0]
