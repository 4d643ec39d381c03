"""Which entries are names of one inode."""

from dataclasses import replace

from backends.repository.restored_links import HardLinks
from backends.repository.tree import Node, NodeType
from backends.types import BlobId

FILE = Node(
    name=b"a",
    type=NodeType.FILE,
    mode=0o644,
    mtime_ns=0,
    atime_ns=0,
    ctime_ns=0,
    inode=7,
    device_id=1,
    links=3,
    content=(BlobId(bytes(32)),),
)


def test_the_second_name_of_an_inode_is_a_link_to_the_first():
    links = HardLinks()

    assert links.meet(b"x", FILE) is None
    first = links.meet(b"y", replace(FILE, name=b"b"))

    assert first is not None
    assert (first.folder, first.name) == (b"x", b"a")


def test_other_inodes_devices_and_types_are_no_links():
    links = HardLinks()
    links.meet(b"", FILE)

    for other in (
        replace(FILE, inode=8),
        replace(FILE, device_id=2),
        replace(FILE, type=NodeType.FIFO),
        replace(FILE, links=1),
        replace(FILE, inode=0),
    ):
        assert links.meet(b"", other) is None


def test_names_with_different_content_are_restored_apart():
    links = HardLinks()
    links.meet(b"", FILE)

    assert links.meet(b"", replace(FILE, name=b"b", content=())) is None


def test_folders_stay_accessible_until_the_last_name_was_met():
    links = HardLinks()
    links.meet(b"a/b/c", FILE)
    links.meet(b"d", FILE)
    assert links.awaited() == {b"a", b"a/b", b"a/b/c"}

    links.meet(b"e", FILE)

    assert links.awaited() == set()
