"""Unfinished files survive, and no two rsyncs ever write to one staging folder."""

import os
from pathlib import Path

import pytest

from backends.errors import LocalPathUnusable, TransferInterrupted
from backends.process import Running
from backends.rsync.scratch import (
    WITHIN,
    await_orphan,
    claim_staging,
    forget_unfinished,
    incoming_folder,
    keep_unfinished,
)


def test_the_folders_are_made_beside_the_image_and_are_private(tmp_path: Path) -> None:
    staging = tmp_path / "deep/web 1"
    with claim_staging(f"{staging}/") as claim:
        assert staging.is_dir()
        assert list(staging.iterdir()) == []
        for folder in (claim.scratch.incoming, claim.scratch.partial):
            assert Path(folder).stat().st_mode & 0o777 == 0o700
            assert Path(folder).parent == tmp_path / "deep/web 1~pull"


def test_a_second_claim_waits_for_nobody_but_says_so(tmp_path: Path) -> None:
    staging = str(tmp_path / "image")
    with (
        claim_staging(staging),
        pytest.raises(TransferInterrupted, match="Another rsync"),
        claim_staging(staging),
    ):
        pass

    with claim_staging(staging):
        pass


def test_the_rsync_of_a_killed_run_is_waited_for(tmp_path: Path) -> None:
    staging = str(tmp_path / "image")
    assert await_orphan(staging, patience=0)
    with claim_staging(staging) as claim:
        orphan = Running(("sleep", "0.5"), pass_fds=(claim.lock,))
        orphan.__enter__()
    try:
        assert not await_orphan(staging, patience=0)
        assert await_orphan(staging, patience=30)
        with claim_staging(staging) as claim:
            assert Path(claim.scratch.partial).is_dir()
    finally:
        orphan.__exit__(None, None, None)


def test_the_claim_lasts_as_long_as_any_process_that_writes_there(tmp_path: Path) -> None:
    staging = str(tmp_path / "image")
    with claim_staging(staging) as claim:
        orphan = Running(("sleep", "30"), pass_fds=(claim.lock,))
        orphan.__enter__()
    try:
        with pytest.raises(TransferInterrupted), claim_staging(staging):
            pass
    finally:
        orphan.__exit__(None, None, None)

    with claim_staging(staging):
        pass


def test_what_a_killed_rsync_was_writing_becomes_a_partial_file(tmp_path: Path) -> None:
    incoming, partial = tmp_path / "in", tmp_path / "part"
    incoming.mkdir()
    partial.mkdir()
    (incoming / "disk.img.aB3xY9").write_bytes(b"x" * 100)
    (partial / "disk.img").write_bytes(b"x" * 40)
    (incoming / "small.QQQQQQ").write_bytes(b"x")
    (partial / "small").write_bytes(b"x" * 40)
    (incoming / "nothing").write_bytes(b"x")

    keep_unfinished(incoming, partial)

    assert list(incoming.iterdir()) == []
    sizes = {path.name: path.stat().st_size for path in partial.iterdir()}
    assert sizes == {"disk.img": 100, "small": 40}


def test_nothing_is_kept_once_everything_has_arrived(tmp_path: Path) -> None:
    with claim_staging(str(tmp_path / "image")) as claim:
        (Path(claim.scratch.partial) / "gone").touch()
        forget_unfinished(claim)

        assert not Path(claim.scratch.partial).exists()


def test_unfinished_files_have_a_short_way_where_the_server_cannot_have_its_name(
    tmp_path: Path,
) -> None:
    image = tmp_path / "image"
    with claim_staging(str(image), ("/srv/db", "/etc")) as claim:
        assert claim.scratch.incoming == WITHIN
        (image / WITHIN / "disk.img.aB3xY9").write_bytes(b"x" * 100)
        assert (claim.incoming / "disk.img.aB3xY9").stat().st_size == 100
        assert (image / WITHIN).stat().st_mode & 0o777 == 0o700

    with claim_staging(str(image), ("/srv/db",)) as claim:
        assert list((image / WITHIN).iterdir()) == []
        assert (Path(claim.scratch.partial) / "disk.img").stat().st_size == 100
        forget_unfinished(claim)
    assert list(image.iterdir()) == []


@pytest.mark.parametrize("paths", [("/srv", "/"), ("//",), (f"/{WITHIN}/x",)])
def test_what_the_server_may_have_by_that_name_is_left_to_the_server(
    tmp_path: Path, paths: tuple[str, ...]
) -> None:
    image = tmp_path / "image"
    with claim_staging(str(image), ("/srv",)):
        (image / WITHIN / "disk.img.aB3xY9").write_bytes(b"x" * 100)

    with claim_staging(str(image), paths) as claim:
        assert claim.scratch.incoming == os.fsdecode(incoming_folder(os.fsencode(image)))
        assert list(image.iterdir()) == []
        assert (Path(claim.scratch.partial) / "disk.img").exists()
        (image / WITHIN).write_bytes(b"of the server")

    with claim_staging(str(image), ("/srv",)):
        assert (image / WITHIN).is_dir()


def test_a_place_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(LocalPathUnusable), claim_staging(str(tmp_path / "file/image")):
        pass


def test_a_claim_leaves_no_open_file(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, not paths
    with claim_staging(str(tmp_path / "image")):
        pass

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - numbers
