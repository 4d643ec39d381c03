"""Two files that change together come back as they were together, capture after capture."""

import secrets
import shutil
from pathlib import Path

import pytest

from backends.repository.repository import Repository
from tests.parts.btrfs import btrfs, subvolume
from tests.parts.frozen_captures import FrozenCaptures
from tests.parts.pair_writer import is_of_one_moment, writing_pairs
from tests.parts.sshd import Sshd

__all__ = ["btrfs"]


@pytest.fixture
def data(btrfs: Path) -> Path:
    """A folder of a volume; its parent is on the same."""
    folder = subvolume(btrfs / "srv") / "pair"
    folder.mkdir()
    return folder


def captures(
    kind: str, sshd: Sshd, data: Path, folder: Path, repository: Repository
) -> FrozenCaptures:
    return FrozenCaptures(
        target=sshd.target(),
        source=data,
        folder=folder,
        repository=repository,
        kind=kind,
        run=f"20261123T060101Z-{secrets.token_hex(3)}",
    )


def test_fifty_captures_from_snapshots_restore_a_pair_that_there_was_at_one_moment(
    sshd: Sshd, data: Path, tmp_path: Path, repository: Repository
) -> None:
    """The writer goes on between the freezing and the pull of each, and between captures."""
    seen = []
    with (
        captures("btrfs", sshd, data, tmp_path / "ours", repository) as server,
        writing_pairs(data, data.parent) as wait,
    ):
        for _ in range(50):
            wait()
            restored = server.capture_and_restore(during=wait)
            assert is_of_one_moment(restored)
            seen.append(int((restored / "table").read_text()))
            shutil.rmtree(server.folder / restored.relative_to(server.folder).parts[0])
        assert server.left() == []
    assert seen == sorted(set(seen)), "the writer did not go on between captures"
    assert server.warnings == []


def test_a_capture_that_reads_live_restores_a_pair_that_there_never_was(
    sshd: Sshd, data: Path, tmp_path: Path, repository: Repository
) -> None:
    """What the captures above are measured by can fail: here what lies between takes a second."""
    (data / "k").write_bytes(bytes(16 << 20))
    with (
        captures("none", sshd, data, tmp_path / "ours", repository) as server,
        writing_pairs(data, data.parent) as wait,
    ):
        restored = server.restore(server.capture(wait, bandwidth=12 << 20).tree)
    assert not is_of_one_moment(restored)
