"""Cutting a tree into parts."""

import stat

import pytest

from backends.errors import LocalDiskFull
from backends.repository.included import include_paths
from backends.repository.parts import PER_ENTRY, cut_into_parts
from backends.repository.reader import BlobReader
from backends.repository.tree import Node, NodeType, encode_tree, go_mode
from backends.repository.writer import RepositoryWriter
from backends.types import BlobKind

MIB = 1 << 20


def node(name: bytes, st_mode: int, **facts) -> Node:
    times = {"mtime_ns": 0, "atime_ns": 0, "ctime_ns": 0}
    return Node(name=name, type=NodeType.of(st_mode), mode=go_mode(st_mode), **times, **facts)


@pytest.fixture
def saved(repository):
    """Folders a, b and c with four files of one MiB each; the sizes are only said."""
    with RepositoryWriter(repository, repository.load_index()) as writer:

        def tree(*nodes):
            return writer.save_blob(BlobKind.TREE, encode_tree(nodes))

        files = [node(b"%d" % n, stat.S_IFREG, size=MIB, content=()) for n in range(4)]
        below = tree(*files)
        root = tree(*(node(name, stat.S_IFDIR, subtree=below) for name in (b"a", b"b", b"c")))
    return BlobReader(repository, repository.load_index()), root


def files_of(reader, root, part) -> list[bytes]:
    found = []
    for folder in reader.load_tree(root):
        inside = part.below(folder.name)
        for file in reader.load_tree(folder.subtree) if inside else ():
            below = inside.below(file.name)
            if below is not None and below.whole:
                found.append(folder.name + b"/" + file.name)
    return found


@pytest.mark.parametrize(("limit", "parts"), [(14 * MIB, 1), (9 * MIB, 2), (3 * MIB, 6)])
def test_every_file_is_in_exactly_one_part_and_no_part_is_too_large(saved, limit, parts):
    reader, root = saved
    cut = list(cut_into_parts(reader, root, include_paths(()), limit))

    found = [files_of(reader, root, part) for part in cut]
    everything = sorted(b"%b/%d" % (name, n) for name in (b"a", b"b", b"c") for n in range(4))
    assert sorted(path for files in found for path in files) == everything
    assert all(len(files) * (MIB + PER_ENTRY) <= limit for files in found)
    assert len(cut) == parts


def test_what_is_left_out_is_in_no_part(saved):
    reader, root = saved
    wanted = include_paths((b"a", b"b/1"), (b"**/3",))

    found = [files_of(reader, root, part) for part in cut_into_parts(reader, root, wanted, 9 * MIB)]

    assert sorted(path for files in found for path in files) == [b"a/0", b"a/1", b"a/2", b"b/1"]


def test_a_file_that_fits_into_no_part_is_named(saved):
    reader, root = saved

    with pytest.raises(LocalDiskFull, match="alone takes"):
        list(cut_into_parts(reader, root, include_paths(()), MIB))
