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
        assert (tmp_path / LOCK_NAME).read_text() == "ops-1:4712:bb\n"
    with occupy(tmp_path, "ops-1:4713:cc"):
        pass


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateFolderUnusable, match=LOCK_NAME), occupy(tmp_path, "ops-1:1:aa"):
        pass
    assert not (tmp_path / "elsewhere").exists()
