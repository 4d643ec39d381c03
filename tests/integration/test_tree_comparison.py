"""The comparison that the fidelity tests rest on sees every kind of difference."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.nasty_tree import NAMES, compare_trees, describe_tree, make_nasty_tree
from tests.parts.requirement import require


def small_tree(root: Path) -> Path:
    (root / "folder").mkdir(parents=True)
    (root / "file").write_bytes(b"content")
    (root / "sparse").write_bytes(b"")
    os.truncate(root / "sparse", 1 << 20)
    (root / "link").symlink_to("file")
    os.mkfifo(root / "fifo")
    (root / "one").write_bytes(b"linked")
    (root / "two").hardlink_to(root / "one")
    os.setxattr(root / "file", "user.note", b"1")
    for path in [*root.rglob("*"), root]:
        os.utime(path, ns=(0, 1_234_567_890_123_456_789), follow_symlinks=False)
    return root


def keep_mtime(path: Path, change: Callable[[], object]) -> None:
    """Change a thing inside a folder so that only that thing differs."""
    before = path.parent.lstat().st_mtime_ns
    change()
    os.utime(path.parent, ns=(0, before))


def rewrite(path: Path, content: bytes) -> None:
    before = path.lstat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=(0, before))


def relink(path: Path, target: str) -> None:
    before = path.lstat().st_mtime_ns
    path.unlink()
    path.symlink_to(target)
    os.utime(path, ns=(0, before), follow_symlinks=False)


def unlink_hard(path: Path) -> None:
    content, before = path.read_bytes(), path.lstat().st_mtime_ns
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(0, before))


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def move_in_time(path: Path) -> None:
    os.utime(path, ns=(0, path.lstat().st_mtime_ns + 1), follow_symlinks=False)


TAMPERINGS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "b'file': mode is 600": ("file", lambda path: path.chmod(0o600)),
    "b'folder': mode is 1755": ("folder", lambda path: path.chmod(0o1755)),
    "b'file': size": ("file", lambda path: rewrite(path, b"longer content")),
    "b'file': sha256": ("file", lambda path: rewrite(path, b"CONTENT")),
    "b'file': mtime_ns": ("file", move_in_time),
    "b'folder': mtime_ns": ("folder", move_in_time),
    "b'link': mtime_ns": ("link", move_in_time),
    "b'link': link_target": ("link", lambda path: relink(path, "elsewhere")),
    "b'file': xattrs": ("file", lambda path: os.setxattr(path, "user.note", b"2")),
    "b'folder': xattrs": ("folder", lambda path: os.setxattr(path, "user.more", b"")),
    "b'one': linked": ("two", unlink_hard),
    "b'fifo' is missing": ("fifo", lambda path: path.unlink()),
    "b'new' should not be there": ("new", lambda path: path.touch()),
    "b'fifo' is a folder and should be a fifo": ("fifo", become_folder),
}


@pytest.mark.parametrize("expected", TAMPERINGS)
def test_a_difference_is_named(tmp_path: Path, expected: str) -> None:
    right, wrong = small_tree(tmp_path / "right"), small_tree(tmp_path / "wrong")
    name, tamper = TAMPERINGS[expected]
    assert compare_trees(right, wrong) == []

    keep_mtime(wrong / name, lambda: tamper(wrong / name))

    differences = compare_trees(right, wrong)
    assert any(line.startswith(expected) for line in differences), differences
    assert all(name in line or "linked" in line for line in differences), differences


def test_owner_group_and_device_number_count(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "root", "run as root to change owners and make devices")
    right, wrong = small_tree(tmp_path / "right"), small_tree(tmp_path / "wrong")
    os.mknod(right / "device", 0o20600, os.makedev(1, 3))
    os.mknod(wrong / "device", 0o20600, os.makedev(1, 5))
    os.chown(wrong / "file", 7, -1)
    os.lchown(wrong / "link", -1, 8)

    differences = compare_trees(right, wrong, ignoring={"mtime_ns"})

    assert differences == [
        "b'device': rdev is (1, 5) and should be (1, 3)",
        "b'file': uid is 7 and should be 0",
        "b'link': gid is 8 and should be 0",
    ]
    lenient = compare_trees(right, wrong, owners=False, ignoring={"mtime_ns", "rdev"})
    assert lenient == []


def test_an_access_list_counts(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    make_nasty_tree(right)
    shutil.copytree(right / "acls", wrong, symlinks=True)
    os.removexattr(wrong / "named", "system.posix_acl_access")

    differences = compare_trees(right / "acls", wrong)

    assert len(differences) == 1
    assert differences[0].startswith("b'named': xattrs")


def test_filled_holes_are_seen_when_asked_for(tmp_path: Path) -> None:
    right, wrong = small_tree(tmp_path / "right"), small_tree(tmp_path / "wrong")
    rewrite(wrong / "sparse", bytes(1 << 20))

    assert compare_trees(right, wrong) == []
    assert compare_trees(right, wrong, sparse=True) == ["b'sparse': its holes are filled"]


def test_paths_and_aspects_can_be_left_out(tmp_path: Path) -> None:
    right, wrong = small_tree(tmp_path / "right"), small_tree(tmp_path / "wrong")
    (wrong / "file").chmod(0o600)

    assert compare_trees(right, wrong, skip={b"file"}) == []
    assert compare_trees(right, wrong, ignoring={"mode"}) == []


def test_the_nasty_tree_is_the_same_every_time_and_has_every_kind(tmp_path: Path) -> None:
    make_nasty_tree(tmp_path / "once")
    make_nasty_tree(tmp_path / "again")

    tree = describe_tree(tmp_path / "once")
    assert compare_trees(tree, tmp_path / "again", sparse=True) == []
    assert {b"names/" + name for name in NAMES} <= tree.keys()
    assert {"file", "folder", "symlink", "fifo"} <= {entry.kind for entry in tree.values()}
    assert tree[b"sparse/only-hole"].allocated == 0
    assert len(tree[b"hard-links/first"].linked) == 3
    assert max(len(path) for path in tree) > 2500
    if os.geteuid() == 0:
        assert tree[b"special/block-big"].rdev == (259, 70_000)
        assert tree[b"modes/folder-000"].mode == 0
        assert any(name == b"security.capability" for name, _ in tree[b"xattrs/capability"].xattrs)
