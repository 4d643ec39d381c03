"""What a restore gives back does not depend on which process wrote it."""

import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import pytest

from tests.parts.restic_repositories import ResticRepository
from tests.parts.tree_comparison import compare_trees

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) == 1, reason="no second processor, so no second process"
)
_PATIENCE: Final = 120
#: Restores in one of several ways, and tells what it reports and who wrote.
_RESTORE: Final = """
    import json, os, signal, sys, time
    from contextlib import nullcontext
    from pathlib import Path
    from backends.objectstore.directory import DirectoryStore
    from backends.repository.filling_beside import BesideFiller, fill_beside
    from backends.repository.piece_writing import PieceWriter
    from backends.repository.reader import BlobReader
    from backends.repository.repository import Repository
    from backends.repository.restore import restore_tree
    from backends.repository.restored_files import Filling
    from backends.repository.snapshot import find_snapshot

    place, password, target, how = sys.argv[1:]
    here, filled, left, written = os.getpid(), [], [], []

    def fill(self, bounds, pack, blobs, fill=BesideFiller.fill):
        answer = fill(self, bounds, pack, blobs)
        left.extend(answer.undone)
        filled.append(sum(len(each.places) for each in blobs) - len(answer.undone))
        return answer

    def write_whole(self, file, data, write_whole=PieceWriter.write_whole):
        write_whole(self, file, data)
        written.append(file)
        if os.getpid() != here and how == "dies" and len(written) == 20:
            os.kill(os.getpid(), signal.SIGKILL)

    def wait(self, on_pack, wait=Filling.wait):
        # So that it is not our turn as long as the other one can do the work.
        while how == "all beside" and not (left or all(pack.done() for pack in self.packs)):
            time.sleep(0.001)
        wait(self, on_pack)

    BesideFiller.fill, PieceWriter.write_whole, Filling.wait = fill, write_whole, wait
    store = DirectoryStore(Path(place))
    with nullcontext() if how == "alone" else fill_beside(store) as beside:
        repository = Repository.open(store, password)
        reader = BlobReader(repository, repository.load_index())
        tree = find_snapshot(repository, "latest").tree
        told = []
        report = restore_tree(reader, tree, Path(target), beside=beside, progress=told.append,
            durable=False)
    assert (told[-1].files, told[-1].bytes) == (report.files, report.bytes)
    print(json.dumps([sum(filled), len(written), repr(report)]))
"""


def restore(repository: ResticRepository, target: Path, how: str) -> tuple[int, int, str]:
    """Restore the latest snapshot; places filled beside, small files written here, the report."""
    argv = [sys.executable, "-c", textwrap.dedent(_RESTORE)]
    argv += [str(repository.place), repository.password, str(target), how]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found: Any = json.loads(done.stdout)
    return tuple(found)


@pytest.fixture
def saved(new_restic_repository, nasty_tree, tmp_path) -> tuple[ResticRepository, Path]:
    """The nasty tree, and 400 small files and a large one that come in several packs."""
    source = tmp_path / "source"
    shutil.copytree(nasty_tree / "modes", source / "modes", symlinks=True)
    chance = random.Random(3)  # noqa: S311 - the same files every time
    for number in range(400):
        file = source / f"{number // 40}" / f"{number}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(chance.randbytes(chance.randrange(9_000)))
    (source / "large").write_bytes(chance.randbytes(20 << 20))
    repository = new_restic_repository("version 2")
    repository.run("backup", str(source))
    return repository, source


@pytest.mark.parametrize("how", ["beside", "all beside"])
def test_a_second_process_writes_the_same_tree_and_the_report_is_the_same(saved, tmp_path, how):
    repository, source = saved
    alone, target = tmp_path / "alone", tmp_path / "target"

    _, _, expected = restore(repository, alone, "alone")
    beside, here, report = restore(repository, target, how)

    assert report == expected
    assert compare_trees(source, target / source.relative_to("/"), sparse=True) == []
    assert beside > 0
    assert here == 0 or how == "beside"


def test_when_it_dies_everything_it_had_been_told_is_written_here(saved, tmp_path):
    repository, source = saved

    _, here, report = restore(repository, tmp_path / "target", "dies")

    assert here >= 400
    assert "failures=()" in report
    assert compare_trees(source, tmp_path / "target" / source.relative_to("/"), sparse=True) == []


def test_what_it_cannot_open_is_tried_here_and_reported_once(saved, tmp_path):
    repository, _ = saved
    pack = max((repository.place / "data").glob("*/*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)

    _, _, expected = restore(repository, tmp_path / "alone", "alone")
    _, _, report = restore(repository, tmp_path / "target", "all beside")

    assert report == expected
    assert report.count("Omission(") == 1
    assert compare_trees(tmp_path / "alone", tmp_path / "target", sparse=True) == []
