"""Restoring into a folder: everything comes back, nothing lands elsewhere, nothing is hidden."""

import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backends.errors import LocalDiskFull, LocalPathUnusable, RepositoryDamaged, TargetNotEmpty
from backends.repository import restored_files, restored_tree
from backends.repository.index import Index
from backends.repository.pack import pack_key
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.restore import RestoreReport, restore_tree
from backends.repository.snapshot import find_snapshot
from backends.repository.tree import Node, NodeType, encode_tree, go_mode
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind
from tests.parts.nasty_tree import BEYOND_OLD_RESTIC
from tests.parts.requirement import require, require_program
from tests.parts.restic_repositories import ResticRepository
from tests.parts.tree_comparison import compare_trees
from tests.parts.unprivileged import act_as_nobody

NOON_NS = 1_800_000_000_123_456_789
KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "restored"


class Source:
    """A repository in memory with a tree made entry by entry."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.writer = RepositoryWriter(repository, repository.load_index())

    def file(self, name: bytes, *pieces: bytes, **facts) -> Node:
        blobs = tuple(self.writer.save_blob(BlobKind.DATA, piece) for piece in pieces)
        size = sum(map(len, pieces))
        return entry(name, stat.S_IFREG | 0o640, content=blobs, size=size, **facts)

    def folder(self, name: bytes, *nodes: Node, **facts) -> Node:
        return entry(name, stat.S_IFDIR | 0o750, subtree=self.tree(*nodes), **facts)

    def tree(self, *nodes: Node) -> BlobId:
        return self.writer.save_blob(BlobKind.TREE, encode_tree(nodes))

    def hostile_tree(self, *nodes: Node) -> BlobId:
        """A tree that `encode_tree` refuses to write."""
        rows = [encode_tree([node])[len(b'{"nodes":[') : -len(b"]}\n")] for node in nodes]
        return self.writer.save_blob(BlobKind.TREE, b'{"nodes":[' + b",".join(rows) + b"]}\n")

    def reader(self) -> BlobReader:
        self.writer.close()
        return BlobReader(self.repository, self.repository.load_index())


def entry(name: bytes, st_mode: int, **facts) -> Node:
    plain = {"mode": go_mode(st_mode), "mtime_ns": NOON_NS, "atime_ns": NOON_NS, "ctime_ns": 0}
    mine = {"uid": os.geteuid(), "gid": os.getegid()}
    return Node(name=name, type=NodeType.of(st_mode), **(plain | mine | facts))


def restore(source: Source, tree: BlobId, target: Path, **options) -> RestoreReport:
    return restore_tree(source.reader(), tree, target, **options)


@pytest.fixture
def source(repository) -> Iterator[Source]:
    source = Source(repository)
    yield source
    source.writer.close()


@pytest.mark.parametrize("flavour", ["version 1", "version 2", "version 2 uncompressed"])
def test_everything_that_restic_saved_comes_back(
    new_restic_repository, nasty_tree, target, flavour
):
    repository = new_restic_repository(flavour)
    repository.run("backup", str(nasty_tree))
    tree = find_snapshot(repository.open(), "latest").tree

    report = restore_tree(repository.reader(), tree, target, durable=False)

    assert report.complete
    assert (report.failures, report.skipped, report.shortfalls) == ((), (), ())
    restored = target / nasty_tree.relative_to("/")
    # restic 0.14 records neither how many names a pipe has nor the attributes of a link.
    unrecorded = {b"hard-links/fifo", b"hard-links/other/same fifo", b"xattrs/link"}
    skip = BEYOND_OLD_RESTIC | unrecorded
    assert compare_trees(nasty_tree, restored, sparse=True, skip=skip) == []


def test_only_what_was_asked_for_is_restored_with_the_folders_above_it(
    new_restic_repository, nasty_tree, target
):
    repository = new_restic_repository("version 2")
    repository.run("backup", str(nasty_tree))
    tree = find_snapshot(repository.open(), "latest").tree
    root = os.fsencode(nasty_tree)

    report = restore_tree(
        repository.reader(),
        tree,
        target,
        include=(root + b"/modes", root + b"/names/plain.txt", root + b"/not/there"),
    )

    top = target / nasty_tree.relative_to("/")
    assert sorted(path.name for path in top.iterdir()) == ["modes", "names"]
    assert [path.name for path in (top / "names").iterdir()] == ["plain.txt"]
    assert compare_trees(nasty_tree / "modes", top / "modes") == []
    assert top.stat().st_mtime_ns == nasty_tree.stat().st_mtime_ns
    (failure,) = report.failures
    assert failure.path == root.lstrip(b"/") + b"/not/there"
    assert "no such path" in failure.reason


@pytest.mark.parametrize("name", [b"..", b".", b"a/b", b"../outside", b"/abs", b"nul\0nul", b""])
def test_a_name_that_leads_elsewhere_is_reported_and_the_rest_restored(source, target, name):
    good = source.file(b"good", b"content")
    bad = replace(source.file(b"bad", b"evil"), name=name or b"x")
    tree = source.hostile_tree(bad, good)
    if not name:
        data = source.repository and encode_tree([bad, good]).replace(b'"name":"x"', b'"name":""')
        tree = source.writer.save_blob(BlobKind.TREE, data)

    report = restore(source, tree, target)

    assert [path.name for path in target.iterdir()] == ["good"]
    assert sorted(target.parent.iterdir()) == [target]
    (failure,) = report.failures
    assert "name" in failure.reason
    assert not report.complete


def test_a_second_entry_of_the_same_name_is_reported(source, target):
    link = entry(b"a", stat.S_IFLNK | 0o777, link_target=b"/etc")
    below = source.folder(b"a", source.file(b"passwd", b"evil"))

    report = restore(source, source.hostile_tree(link, below), target)

    assert (target / "a").is_symlink()
    (failure,) = report.failures
    assert "another entry of this name" in failure.reason


def test_nothing_is_written_into_a_folder_that_is_not_empty(source, target):
    tree = source.tree(source.file(b"file", b"content"))
    target.mkdir()
    (target / "mine").write_text("precious")

    with pytest.raises(TargetNotEmpty):
        restore(source, tree, target)

    assert [path.name for path in target.iterdir()] == ["mine"]


def test_a_target_that_is_a_file_is_refused(source, target):
    target.write_text("a file")

    with pytest.raises(LocalPathUnusable):
        restore(source, source.tree(), target)


def test_a_new_target_is_for_us_alone(source, target):
    restore(source, source.tree(), target / "made" / "too")

    assert stat.S_IMODE((target / "made" / "too").stat().st_mode) == 0o700


def test_names_of_one_inode_are_linked_and_others_are_not(source, target):
    inode = {"inode": 5, "device_id": 9, "links": 3}
    tree = source.tree(
        source.file(b"a", b"same", **inode),
        source.folder(b"closed", source.file(b"b", b"same", **inode), mode=go_mode(0o40000)),
        source.file(b"changed meanwhile", b"other", **inode),
        source.file(b"elsewhere", b"same", inode=5, device_id=8, links=3),
    )

    report = restore(source, tree, target)

    (target / "closed").chmod(0o700)
    first = (target / "a").stat()
    assert first.st_nlink == 2
    assert (target / "closed" / "b").samefile(target / "a")
    assert (target / "changed meanwhile").read_text() == "other"
    assert not (target / "elsewhere").samefile(target / "a")
    assert (report.files, report.links) == (3, 1)


def test_links_and_pipes_get_their_attributes_times_and_further_names(source, target):
    require(os.geteuid() == 0, "the right to set trusted attributes", "run as root")
    trusted = {"xattrs": ((b"trusted.on", b"it"),), "uid": 1234, "gid": 2345}
    twice = {"inode": 5, "links": 2}
    tree = source.tree(
        entry(b"link", stat.S_IFLNK | 0o777, link_target=b"\xff/nowhere", **twice, **trusted),
        entry(b"same link", stat.S_IFLNK | 0o777, link_target=b"\xff/nowhere", **twice, **trusted),
        entry(b"fifo", stat.S_IFIFO | 0o4620, **twice, **trusted),
        entry(b"same fifo", stat.S_IFIFO | 0o4620, **twice, **trusted),
        entry(b"device", stat.S_IFBLK | 0o660, device=os.makedev(259, 70_000), **trusted),
    )

    report = restore(source, tree, target)

    assert (report.others, report.links, report.shortfalls) == (3, 2, ())
    for name in ("link", "same link", "fifo", "same fifo", "device"):
        path = target / name
        status = path.lstat()
        assert (status.st_uid, status.st_gid, status.st_mtime_ns) == (1234, 2345, NOON_NS)
        assert os.getxattr(path, "trusted.on", follow_symlinks=False) == b"it"
    assert os.readlink(os.fsencode(target / "link")) == b"\xff/nowhere"  # noqa: PTH115 - raw bytes
    assert (target / "link").lstat().st_ino == (target / "same link").lstat().st_ino
    assert stat.S_IMODE((target / "same fifo").lstat().st_mode) == 0o4620
    assert (target / "device").lstat().st_rdev == os.makedev(259, 70_000)


def test_long_zeros_take_no_room(source, target):
    zeros = bytes(MIB)
    tree = source.tree(
        source.file(b"hole in the middle", b"start" + zeros, zeros, zeros, zeros + b"end"),
        source.file(b"only a hole", zeros, zeros),
        source.file(b"one piece", bytes(100 * KIB)),
        source.file(b"ends in a hole", b"start", zeros),
    )

    restore(source, tree, target)

    assert (target / "hole in the middle").read_bytes() == b"start" + bytes(4 * MIB) + b"end"
    assert (target / "only a hole").read_bytes() == bytes(2 * MIB)
    assert (target / "one piece").read_bytes() == bytes(100 * KIB)
    assert (target / "ends in a hole").read_bytes() == b"start" + zeros
    assert all(path.stat().st_blocks * 512 <= 64 * KIB for path in target.iterdir())


def test_a_file_beyond_ten_gigabytes_has_its_last_byte_in_its_place(source, target):
    zeros = bytes(8 * MIB)
    zero = source.writer.save_blob(BlobKind.DATA, zeros)
    end = source.writer.save_blob(BlobKind.DATA, b"end")
    count = 1500
    size = count * len(zeros) + 3
    huge = entry(b"huge", stat.S_IFREG | 0o600, content=(*([zero] * count), end), size=size)

    report = restore(source, source.tree(huge), target, durable=False)

    assert (target / "huge").stat().st_size == size == report.bytes > 10 * 2**30
    assert (target / "huge").stat().st_blocks * 512 < MIB
    with (target / "huge").open("rb") as file:
        file.seek(-4, os.SEEK_END)
        assert file.read() == b"\0end"


def test_folders_nested_deeper_than_the_interpreter_recurses_come_back(source, target):
    node = source.file(b"bottom", b"content")
    for _ in range(1500):
        node = source.folder(b"d", node)

    report = restore(source, source.tree(node), target, durable=False)

    assert report.complete
    assert (report.folders, report.files) == (1500, 1)
    subprocess.run(["rm", "-rf", target], check=True)


def test_sockets_are_left_out_and_unknown_types_fail(source, target):
    tree = source.tree(
        entry(b"socket", stat.S_IFSOCK | 0o600),
        replace(entry(b"door", stat.S_IFIFO | 0o600), type=NodeType.IRREGULAR),
    )

    report = restore(source, tree, target)

    assert [skipped.path for skipped in report.skipped] == [b"socket"]
    assert [failure.path for failure in report.failures] == [b"door"]
    assert list(target.iterdir()) == []


def damage(source: Source, blob: BlobId) -> None:
    """Flip a bit of a stored blob."""
    source.writer.close()
    place = source.repository.load_index().lookup(BlobKind.DATA, blob)[0]
    key = pack_key(place.pack)
    content = bytearray(source.repository.store.get(key))
    content[place.blob.offset + 20] ^= 1
    source.repository.store.put(key, bytes(content))


def test_a_file_with_a_damaged_blob_is_not_restored_and_said_so(source, target):
    whole, broken = source.file(b"whole", b"good"), source.file(b"broken", b"x" * 99, b"y" * 99)
    tree = source.tree(whole, broken)
    damage(source, broken.content[1])

    report = restore(source, tree, target)

    assert [path.name for path in target.iterdir()] == ["whole"]
    (failure,) = report.failures
    assert failure.path == b"broken"
    assert broken.content[1].hex() in failure.reason
    assert report.files == 1


def test_what_is_left_of_a_damaged_file_is_kept_if_asked_for(source, target):
    broken = source.file(b"broken", b"x" * 99, b"y" * 99, b"z" * 99)
    tree = source.tree(broken)
    damage(source, broken.content[1])

    report = restore(source, tree, target, keep_damaged=True)

    assert (target / "broken").read_bytes() == b"x" * 99 + bytes(99) + b"z" * 99
    assert (target / "broken").stat().st_mtime_ns == NOON_NS
    assert "kept" in report.failures[0].reason


def test_a_blob_in_two_packs_is_taken_from_the_sound_one(source, target):
    file = source.file(b"file", b"content" * 99)
    tree = source.tree(file)
    source.writer.close()
    index = source.repository.load_index()
    pack = index.lookup(BlobKind.DATA, file.content[0])[0]
    with RepositoryWriter(source.repository, type(index)()) as again:
        again.save_blob(BlobKind.DATA, b"content" * 99)
    damage(source, file.content[0])

    report = restore(source, tree, target)

    assert report.complete
    assert (target / "file").read_bytes() == b"content" * 99
    assert len(source.repository.load_index().lookup(BlobKind.DATA, file.content[0])) == 2
    assert pack is not None


def test_a_lost_folder_costs_only_what_is_in_it(source, target):
    lost = entry(b"lost", stat.S_IFDIR | 0o700, subtree=BlobId(bytes(32)))
    tree = source.tree(lost, source.file(b"file", b"content"))

    report = restore(source, tree, target)

    assert (target / "file").read_bytes() == b"content"
    assert list((target / "lost").iterdir()) == []
    assert [failure.path for failure in report.failures] == [b"lost"]


def test_a_lost_root_is_an_error(source, target):
    with pytest.raises(RepositoryDamaged):
        restore(source, BlobId(bytes(32)), target)


def test_files_without_content_or_with_unknown_blobs_fail(source, target):
    tree = source.tree(
        entry(b"none", stat.S_IFREG | 0o600),
        entry(b"unknown", stat.S_IFREG | 0o600, content=(BlobId(bytes(32)),), size=5),
        source.file(b"empty"),
    )

    report = restore(source, tree, target)

    assert [failure.path for failure in report.failures] == [b"none", b"unknown"]
    assert [path.name for path in target.iterdir()] == ["empty"]


@pytest.mark.parametrize("claim", [1, 98, 100, 700_000_000])
def test_a_blob_that_unfolds_to_another_size_than_the_index_says_is_refused(source, target, claim):
    file = source.file(b"file", bytes(99))
    tree = source.tree(file)
    source.writer.close()
    honest, lying = source.repository.load_index(), Index()
    for pack in honest.packs():
        blobs = [
            replace(blob, uncompressed_length=claim) if blob.kind is BlobKind.DATA else blob
            for blob in pack.blobs
        ]
        lying.add_pack(pack.pack, blobs)

    report = restore_tree(BlobReader(source.repository, lying), tree, target)

    assert list(target.iterdir()) == []
    (failure,) = report.failures
    assert file.content[0].hex() in failure.reason


def test_more_pieces_than_are_planned_at_once_find_their_places(source, target, monkeypatch):
    monkeypatch.setattr(restored_files, "MOST_PIECES", 7)
    pieces = [b"%d " % number * 100 for number in range(50)]
    tree = source.tree(
        source.file(b"large", *pieces), *[source.file(b"%d" % n, b"x") for n in range(9)]
    )

    report = restore(source, tree, target)

    assert report.complete
    assert (target / "large").read_bytes() == b"".join(pieces)


def test_folders_are_completed_however_few_entries_are_remembered(
    new_restic_repository, nasty_tree, target, monkeypatch
):
    monkeypatch.setattr(restored_tree, "_MOST_ENTRIES", 3)
    repository = new_restic_repository("version 2")
    repository.run("backup", str(nasty_tree / "modes"), str(nasty_tree / "hard-links"))
    tree = find_snapshot(repository.open(), "latest").tree

    restore_tree(repository.reader(), tree, target, durable=False)

    restored = target / nasty_tree.relative_to("/")
    assert compare_trees(nasty_tree / "modes", restored / "modes") == []
    unrecorded = {b"fifo", b"other/same fifo"}
    links = compare_trees(nasty_tree / "hard-links", restored / "hard-links", skip=unrecorded)
    assert links == []


def test_progress_grows_to_what_the_report_says(source, target):
    tree = source.tree(*(source.file(b"%d" % n, bytes([n]) * 5000) for n in range(50)))
    told = []

    report = restore(source, tree, target, progress=told.append)

    assert [step.bytes for step in told] == sorted(step.bytes for step in told)
    assert (told[-1].files, told[-1].bytes) == (50, 250_000) == (report.files, report.bytes)


def test_without_root_owners_are_not_restored_and_said_so(source, tmp_path):
    inode = {"inode": 3, "links": 2}
    foreign = {"uid": 1234, "gid": 2345}
    tree = source.tree(
        replace(source.file(b"setuid", b"x", **foreign), mode=go_mode(0o104755)),
        source.folder(
            b"closed",
            source.file(b"inside", b"y", **inode, **foreign),
            mode=go_mode(0o40500),
            **foreign,
        ),
        source.file(b"link", b"y", **inode, **foreign),
        source.file(
            b"able", b"z", xattrs=((b"security.capability", b"\0"), (b"user.a", b"b")), **foreign
        ),
        entry(b"device", stat.S_IFCHR | 0o666, device=os.makedev(1, 3), **foreign),
        entry(b"fifo", stat.S_IFIFO | 0o622, **foreign),
    )
    reader = source.reader()
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    target = tmp_path / "restored"

    def restore_and_look() -> None:
        report = restore_tree(reader, tree, target, durable=False)
        assert report.complete, report.failures
        assert [skipped.path for skipped in report.skipped] == [b"device"]
        reasons = {found.reason: found.count for found in report.shortfalls}
        assert any(
            "owner not restored" in reason and count == 5 for reason, count in reasons.items()
        ), reasons
        assert any("setuid" in reason for reason in reasons)
        assert any("security.capability" in reason for reason in reasons)

    act_as_nobody(restore_and_look)

    assert stat.S_IMODE((target / "setuid").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "closed").stat().st_mode) == 0o500
    assert stat.S_IMODE((target / "fifo").lstat().st_mode) == 0o622
    assert os.getxattr(target / "able", "user.a") == b"b"
    assert (target / "link").samefile(target / "closed" / "inside")
    assert (target / "closed").stat().st_mtime_ns == NOON_NS


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of one megabyte."""
    require(os.geteuid() == 0, "the right to mount", "run as root")
    place = tmp_path / "disk"
    place.mkdir()
    mount = require_program("mount", "mount")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    require(mounted.returncode == 0, "a mount of a tmpfs", "allow it to this container")
    yield place
    subprocess.run([require_program("umount", "mount"), place], check=True)


def test_a_full_disk_ends_the_restore_with_its_own_error(source, small_disk):
    files = [source.file(b"%03d" % n, os.urandom(100 * KIB)) for n in range(30)]
    tree = source.tree(*files)

    with pytest.raises(LocalDiskFull) as raised:
        restore(source, tree, small_disk / "target")

    assert isinstance(raised.value.__cause__, OSError)
    assert raised.value.__cause__.errno == errno.ENOSPC


def test_after_a_full_disk_got_room_the_restore_goes_on(source, small_disk):
    files = [source.file(b"%03d" % n, os.urandom(100 * KIB)) for n in range(30)]
    tree, target = source.tree(*files), small_disk / "target"
    with pytest.raises(LocalDiskFull):
        restore(source, tree, target)
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)

    report = restore_tree(
        BlobReader(source.repository, source.repository.load_index()), tree, target
    )

    assert (report.complete, report.files) == (True, 30)
    assert report.kept.bytes > 500 * KIB
    assert len(list(target.iterdir())) == 30


def test_a_read_only_disk_is_named(source, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(LocalPathUnusable):
        restore(source, source.tree(), small_disk / "target")


def test_restic_s_own_restore_equals_ours(new_restic_repository, nasty_tree, tmp_path, target):
    repository: ResticRepository = new_restic_repository("version 2")
    repository.run("backup", str(nasty_tree))
    theirs = tmp_path / "theirs"
    repository.run("restore", "latest", "--target", str(theirs))

    restore_tree(repository.reader(), find_snapshot(repository.open(), "latest").tree, target)

    # restic does not link symbolic links and pipes, which have several names here, and knows no
    # time after the year 2262.
    several = {b"symlink", b"other/same symlink", b"fifo", b"other/same fifo"}
    top = os.fsencode(nasty_tree.relative_to("/"))
    skip = {top + b"/hard-links/" + name for name in several} | {top + b"/times/2400"}
    assert compare_trees(theirs, target, skip=skip) == []
