"""Any restic repository from the command line: listed, checked, restored, sound or damaged."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from backends.repository.index import load_index_object
from backends.repository.lock import hold_lock
from backends.repository.snapshot import list_snapshots
from backends.repository.unpacked import ObjectKind, list_unpacked
from tests.parts.restic import Restic
from tests.parts.tree_comparison import compare_trees
from tests.parts.visitor import NOISE, Visitor


def test_snapshots_are_listed_as_restic_lists_them(visitor: Visitor, restic: Restic) -> None:
    said = restic.documents(str(visitor.place), visitor.files.password, "snapshots")
    ours = visitor.ask("snapshots")
    same = ("hostname", "username", "tree")
    assert [each["snapshot"] for each in ours] == [each["id"] for each in said]
    for mine, theirs in zip(ours, said, strict=True):
        assert {key: mine[key] for key in same} == {key: theirs[key] for key in same}
        assert mine["paths"] == theirs["paths"]
        assert mine["tags"] == theirs.get("tags", [])
    assert [each["hostname"] for each in ours] == ["old-1", "web-1"]
    assert visitor.ask("snapshots", "--host", "web-1") == ours[1:]
    table = visitor.run("snapshots").out
    assert ours[1]["snapshot"][:8] in table
    assert "weekly" in table
    assert max(map(len, table.splitlines())) <= 100


def test_no_installation_is_needed_and_none_is_made(visitor: Visitor) -> None:
    before = visitor.everything()
    assert visitor.run("check").exit_code == 0
    assert not visitor.program.settings.exists()
    assert not visitor.program.state.exists()
    assert visitor.everything() == before


def test_a_sound_repository_is_called_sound(visitor: Visitor) -> None:
    report = visitor.ask("check", "--read-data")
    assert report["sound"] is True
    assert (report["problems"], report["hints"], report["unlisted"]) == ([], [], 0)
    assert report["snapshots"] == 2
    assert report["read_bytes"] == sum(
        path.stat().st_size for path in (visitor.place / "data").rglob("*") if path.is_file()
    )
    assert "The repository is sound." in visitor.run("check", "--read-data").out
    assert "--read-data looks into the packs as well" in visitor.run("check").out


def test_a_flipped_bit_is_found_by_reading_with_the_file_that_it_costs(visitor: Visitor) -> None:
    pack = visitor.damage(visitor.pack_of(b"noise"), 1000)
    assert visitor.ask("check")["sound"] is True
    report = visitor.ask("check", "--read-data", exit_code=1)
    assert {problem["object"] for problem in report["problems"]} == {pack}
    (victim,) = [victim for problem in report["problems"] for victim in problem["victims"]]
    assert victim["path"].endswith("/below/noise")
    ended = visitor.run("check", "--read-data")
    assert ended.exit_code == 1
    assert f"damaged  {pack}\n" in ended.out
    assert "/below/noise (snapshot " in ended.out
    assert "The repository is damaged: " in ended.out
    assert not visitor.files.start_check(read_data=True).finds_it_sound()


def test_a_missing_pack_is_found_without_reading(visitor: Visitor) -> None:
    pack = visitor.damage(visitor.pack_of(b"text"))
    report = visitor.ask("check", exit_code=1)
    missing = [each for each in report["problems"] if each["kind"] == "pack-missing"]
    assert [each["object"] for each in missing] == [pack]
    paths = {victim["path"].rpartition("/")[2] for victim in missing[0]["victims"]}
    assert {"text", "two%0Alines %E2%80%AE"} <= paths
    ended = visitor.run("check")
    assert "two\\x0alines \\u202e" in ended.out
    assert "\u202e" not in ended.out


def test_the_latest_snapshot_is_restored_as_it_was(
    visitor: Visitor, saved_folder: Path, tmp_path: Path
) -> None:
    ended = visitor.run("restore", "--target", str(tmp_path / "out"))
    assert ended.exit_code == 0, ended.err
    assert compare_trees(saved_folder, tmp_path / "out" / saved_folder.relative_to("/")) == []
    assert "Complete." in ended.out
    assert "  files    3, " in ended.out


def test_an_older_snapshot_or_a_part_is_restored_by_name(
    visitor: Visitor, saved_folder: Path, tmp_path: Path
) -> None:
    old, _ = visitor.ask("snapshots")
    done = visitor.ask(
        "restore", "--target", str(tmp_path / "old"), "--snapshot", old["snapshot"][:10]
    )
    assert (done["snapshot"], done["complete"], done["files"]) == (old["snapshot"], True, 1)
    by_host = visitor.ask("restore", "--target", str(tmp_path / "host"), "--host", "old-1")
    assert by_host["snapshot"] == old["snapshot"]
    part = tmp_path / "part"
    visitor.ask("restore", "--target", str(part), "--include", str(saved_folder / "text"))
    found = part / saved_folder.relative_to("/")
    assert [path.name for path in found.iterdir()] == ["text"]


def test_a_dry_run_counts_and_makes_nothing(
    visitor: Visitor, saved_folder: Path, tmp_path: Path
) -> None:
    before = visitor.everything()
    words = ("restore", "--target", str(tmp_path / "out"), "--dry-run")
    planned = visitor.ask(*words)
    assert (planned["files"], planned["others"], planned["complete"]) == (4, 2, True)
    assert planned["bytes"] == len(NOISE) + 2 * 5000 + len("odd")
    assert "Nothing was done." in visitor.run(*words).out
    part = visitor.ask(*words, "--include", str(saved_folder / "text"))
    assert (part["files"], part["complete"]) == (1, True)
    missing = visitor.ask(*words, "--include", str(saved_folder / "none"), exit_code=3)
    assert missing["missing"] == [str(saved_folder / "none")]
    assert not (tmp_path / "out").exists()
    assert visitor.everything() == before


def test_what_a_damaged_repository_cannot_give_back_is_named_and_the_rest_is_there(
    visitor: Visitor, saved_folder: Path, tmp_path: Path
) -> None:
    visitor.damage(visitor.pack_of(b"noise"))
    ended = visitor.run("restore", "--target", str(tmp_path / "out"))
    assert ended.exit_code == 3
    assert f"{saved_folder}/below/noise: " in ended.out
    assert "Incomplete" in ended.out
    out = tmp_path / "out" / saved_folder.relative_to("/")
    assert (out / "text").read_text() == (saved_folder / "text").read_text()
    assert not (out / "below" / "noise").exists()
    again = visitor.ask("restore", "--target", str(tmp_path / "again"), exit_code=3)
    assert [entry["path"] for entry in again["failures"]] == [f"{saved_folder}/below/noise"]


def test_a_damaged_index_costs_only_what_it_alone_lists(
    visitor: Visitor, saved_folder: Path, tmp_path: Path
) -> None:
    repository = visitor.files.open()
    old, new = list_snapshots(repository)
    (listing,) = [
        name
        for name in list_unpacked(repository, ObjectKind.INDEX)
        for pack in load_index_object(repository, name).packs
        if new.tree in {blob.id for blob in pack.blobs}
    ]
    visitor.damage(ObjectKind.INDEX.key(listing), 50)
    target = ("--target", str(tmp_path / "out"))
    ended = visitor.run("restore", *target, "--snapshot", old.id)
    assert ended.exit_code == 0
    assert "warning: index/" in ended.err
    out = tmp_path / "out" / saved_folder.relative_to("/")
    assert (out / "below" / "noise").read_bytes() == NOISE
    lost = visitor.fail("restore", "--target", str(tmp_path / "new"), exit_code=1)
    assert lost["code"] == "RepositoryDamaged"


def test_a_damaged_snapshot_does_not_hide_the_others(visitor: Visitor, tmp_path: Path) -> None:
    old, new = visitor.ask("snapshots")
    visitor.damage(f"snapshots/{new['snapshot']}", 20)
    ended = visitor.run("snapshots", "--json")
    assert ended.exit_code == 3
    assert ended.document == [old]
    assert f"warning: Snapshot {new['snapshot']} is damaged" in ended.err
    restored = visitor.ask("restore", "--target", str(tmp_path / "out"))
    assert restored["snapshot"] == old["snapshot"]


def test_who_works_alone_in_a_repository_is_not_disturbed(visitor: Visitor) -> None:
    with hold_lock(visitor.files.open(), exclusive=True):
        error = visitor.fail("check", exit_code=1)
        assert error["code"] == "RepositoryLocked"
        assert "--no-lock" in error["hint"]
        assert visitor.run("check", "--no-lock").exit_code == 0
    assert visitor.run("check").exit_code == 0


def test_progress_is_shown_on_a_terminal_only(visitor: Visitor) -> None:
    terminal, end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "daemon", *visitor.words("check")],
        env={**visitor.program.surroundings, "TERM": "xterm"},
        cwd=visitor.program.folder,
        stdout=subprocess.PIPE,
        stderr=end,
    )
    os.close(end)
    out, _ = child.communicate(timeout=60)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "following snapshots" in shown
    assert "following" not in out.decode()
    assert visitor.run("check").err == ""
