"""The ops host dies in the middle of a run: what the last checkpoint had is there for everybody."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from backends.errors import BucketMissing
from tests.parts.installation import Install, Installation
from tests.parts.line import Line
from tests.parts.nasty_tree import compare_trees
from tests.parts.restic import Restic

FILES, SIZE = 48, 2**18


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files in a few folders, no two alike."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(FILES):
        place = folder / str(number % 4) / f"{number:02}"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(random.Random(number).randbytes(SIZE))  # noqa: S311 - only large
    return folder


@pytest.fixture
def enrolled(install: Install, line: Line, source: Path) -> Installation:
    installation = install(host=line.host)
    with installation.program.settings.open("a") as settings:
        settings.write('\n[capture]\ncheckpoint_every = "1s"\n')
    installation.enrol(source)
    line.sent()
    return installation


def has_checkpoint(installation: Installation) -> bool:
    try:
        return bool(list(installation.objects.list("lapseguard/checkpoints/")))
    except BucketMissing:
        return False


def kill_under_way(installation: Installation, line: Line, pause: float) -> None:
    """Kill a slow run so many seconds after its first checkpoint."""
    line.limit(2048)
    with installation.program.start("backup-now", installation.name) as process:
        deadline = time.monotonic() + 60
        while not has_checkpoint(installation):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(pause)
        process.kill()
        process.communicate()
    line.limit(0)


def checkpoints(installation: Installation, restic: Restic) -> list[dict[str, Any]]:
    """The checkpoints that stock restic lists, oldest first."""
    listed = json.loads(installation.restic(restic, "--no-lock", "snapshots", "--json"))
    return [snapshot for snapshot in listed if "checkpoint" in snapshot["tags"]]


@pytest.mark.parametrize("pause", [0.0, 0.6, 1.3])
def test_whenever_a_run_is_killed_its_last_checkpoint_is_whole(  # noqa: PLR0917 - fixtures
    enrolled: Installation,
    line: Line,
    source: Path,
    restic: Restic,
    tmp_path: Path,
    pause: float,
) -> None:
    kill_under_way(enrolled, line, pause)
    newest = checkpoints(enrolled, restic)[-1]
    target = tmp_path / "by-restic"
    enrolled.restic(restic, "--no-lock", "check", "--read-data")
    enrolled.restic(restic, "--no-lock", "restore", newest["id"], "--target", str(target))
    root = target / source.relative_to("/")
    found = [path for path in root.rglob("*") if path.is_file()]
    assert found
    for path in found:
        assert path.read_bytes() == (source / path.relative_to(root)).read_bytes()

    line.sent()
    row = enrolled.back_up()
    assert (row["state"], row["verification"]["matches_source"]) == ("verified", True)
    assert line.sent() < (FILES - len(found) + 4) * SIZE
    (killed,) = enrolled.program.ask("history", enrolled.name)[1:]
    assert (killed["state"], killed["files"]) == ("partial", len(found))
    assert row["new_bytes"] < (FILES - len(found) + 1) * SIZE
    assert checkpoints(enrolled, restic)[-1:] == [newest]
    enrolled.restic(restic, "check", "--read-data")
    restored = enrolled.restore(tmp_path / "restored")
    assert compare_trees(source, restored / source.relative_to("/")) == []
