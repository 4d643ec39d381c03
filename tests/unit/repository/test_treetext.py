"""Editing a tree's text gives what encoding its entries anew gives."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.repository.entrytext import entry_text
from backends.repository.go_json import dump_json
from backends.repository.tree import Node, NodeType, encode_tree, node_to_json
from backends.repository.treetext import decode_entry, join_tree, split_tree
from backends.types import BlobId
from tests.unit.repository.test_tree import nodes

folders = st.lists(nodes, unique_by=lambda node: node.name, max_size=6)

few, blobs = st.integers(0, 2), st.binary(min_size=32, max_size=32).map(BlobId)
moments = st.sampled_from((0, 1, -1, 10**9, 1_700_000_000_123_456_789))
#: Entries without anything special, but for a name or a device now and then.
ordinary = st.builds(
    Node,
    name=st.text("ab\"&<>\\\x7f~ !#%;=?^'/[]\n\u2028é", min_size=1, max_size=3).map(str.encode),
    type=st.sampled_from(NodeType),
    mode=few,
    mtime_ns=moments,
    atime_ns=moments,
    ctime_ns=moments,
    uid=few,
    gid=few,
    inode=few,
    device_id=few,
    size=few,
    links=few,
    device=few,
    content=st.none() | st.lists(blobs, max_size=2).map(tuple),
    subtree=st.none() | blobs,
)


@given(folders, st.data())
def test_an_edited_text_is_the_tree_of_the_edited_entries(
    before: list[Node], data: st.DataObject
) -> None:
    entries = split_tree(encode_tree(before))
    if any(node.generic_attributes for node in before):
        assert entries is None
        return
    assert entries is not None
    looked_at = data.draw(st.sets(st.sampled_from(sorted(entries)))) if entries else set()
    found = [decode_entry(entries.pop(name)) for name in sorted(looked_at)]
    assert {node.name for node in found} == looked_at
    kept = [node for node in before if node.name not in looked_at]
    changed = [replace(node, uid=node.uid + 1) for node in found]
    assert join_tree(entries, changed) == encode_tree([*kept, *changed])


@given(nodes)
def test_an_entry_in_one_go_is_what_the_encoder_makes_of_it(node: Node) -> None:
    assert entry_text(node) == dump_json(node_to_json(node))


@given(ordinary)
def test_an_ordinary_entry_is_no_different(node: Node) -> None:
    assert entry_text(node) == dump_json(node_to_json(node))


def test_attributes_that_look_like_entries_are_none() -> None:
    xattrs = ((b"user.a", b"1"), (b'"},{"name":"x","type":"file"', b"2"))
    node = Node(
        name=b'say "},{"name":"b","type":"',
        type=NodeType.FILE,
        mode=0,
        mtime_ns=0,
        atime_ns=0,
        ctime_ns=0,
        xattrs=xattrs,
        content=(),
    )
    entries = split_tree(encode_tree([node]))
    assert entries is not None
    assert list(entries) == [node.name]
    assert decode_entry(entries[node.name]) == node


@pytest.mark.parametrize(
    "text", [b'{"nodes":null}\n', b'{"nodes":[{"type":"file","name":"a"}]}\n', b"[]", b""]
)
def test_what_is_written_otherwise_is_left_to_others(text: bytes) -> None:
    assert split_tree(text) is None


def test_an_empty_folder_has_no_entries() -> None:
    assert split_tree(encode_tree([])) == {}
    assert join_tree({}, []) == encode_tree([])
