"""One daemon for each folder."""

from pathlib import Path

import pytest

from daemon.errors import DaemonActive, StateFolderUnusable
from daemon.services.occupancy import LOCK_NAME, occupy


def test_the_second_daemon_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    with (
        occupy(tmp_path, "ops-1:4711:aa"),
        pytest.raises(DaemonActive, match="ops-1:4711:aa"),
        occupy(tmp_path, "ops-1:4712:bb"),
    ):
        pass


def test_what_a_dead_daemon_left_behind_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("ops-1:4711:aa\n")
    with occupy(tmp_path, "ops-1:4712:bb"):
        assert (tmp_path / LOCK_NAME).read_text().startswith("ops-1:4712:bb\n")
    with occupy(tmp_path, "ops-1:4713:cc"):
        pass


def test_the_daemon_that_the_kernel_took_the_lock_from_is_known_to_be_gone(tmp_path: Path) -> None:
    """Whatever container it was killed in: there is one kernel, and it gave the lock to us."""
    boot, other = tmp_path / "boot", tmp_path / "other boot"
    boot.write_text("6e0c4ffa\n")
    other.write_text("17ab93d1\n")
    with occupy(tmp_path, "ops-1:1:aa", boot=boot) as before:
        assert before is None
    with occupy(tmp_path, "ops-1:2:bb", boot=boot) as before:
        assert before == "ops-1:1:aa"
    with occupy(tmp_path, "ops-2:3:cc", boot=other) as before:
        assert before is None


def test_where_kernels_cannot_be_told_apart_nobody_is_known_to_be_gone(tmp_path: Path) -> None:
    for owner in ("ops-1:1:aa", "ops-1:2:bb"):
        with occupy(tmp_path, owner, boot=tmp_path / "hidden") as before:
            assert before is None


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateFolderUnusable, match=LOCK_NAME), occupy(tmp_path, "ops-1:1:aa"):
        pass
    assert not (tmp_path / "elsewhere").exists()
