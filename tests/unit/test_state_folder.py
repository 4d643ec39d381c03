"""A state folder that cannot be used is told before anything is begun."""

import tempfile
from pathlib import Path

import pytest

from daemon.errors import StateFolderUnusable
from daemon.state_folder import StateFolder
from tests.parts.unprivileged import act_as_nobody


def test_a_private_folder_of_ours_is_usable(tmp_path: Path) -> None:
    folder = StateFolder(root=tmp_path)
    folder.require_usable()
    tmp_path.chmod(0o700)
    assert folder.is_private
    tmp_path.chmod(0o750)
    assert not folder.is_private


def test_a_missing_one_and_a_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StateFolderUnusable, match="does not exist"):
        StateFolder(root=tmp_path / "none").require_usable()
    (tmp_path / "file").touch()
    with pytest.raises(StateFolderUnusable, match="is not a folder"):
        StateFolder(root=tmp_path / "file").require_usable()


def test_one_that_we_may_not_write_is_refused() -> None:
    """Root may write everywhere, so as root this is asked by a thread that is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        with pytest.raises(StateFolderUnusable, match="is not writable by us"):
            act_as_nobody(StateFolder(root=Path(folder)).require_usable)
