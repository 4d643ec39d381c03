"""Trees, to the byte as restic writes them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.tree import Node, NodeType, decode_tree, encode_tree, go_mode
from backends.types import BlobId

BLOB = BlobId(bytes(range(32)))
EPOCH = "1970-01-01T00:00:00Z"
TIMES = f'"mtime":"{EPOCH}","atime":"{EPOCH}","ctime":"{EPOCH}"'


def node(name: bytes, kind: NodeType = NodeType.FILE, **facts) -> Node:
    return Node(
        name=name, type=kind, **{"mode": 0, "mtime_ns": 0, "atime_ns": 0, "ctime_ns": 0, **facts}
    )


def only_entry(encoded: bytes) -> bytes:
    assert encoded.startswith(b'{"nodes":[')
    assert encoded.endswith(b"]}\n")
    return encoded[len(b'{"nodes":[') : -len(b"]}\n")]


def test_an_empty_folder_is_an_empty_list():
    assert encode_tree([]) == b'{"nodes":[]}\n'
    assert decode_tree(b'{"nodes":[]}\n') == []


def test_empty_fields_are_left_out_and_content_never_is():
    expected = f'{{"name":"a","type":"file",{TIMES},"uid":0,"gid":0,"content":null}}'

    assert only_entry(encode_tree([node(b"a")])) == expected.encode()


def test_an_empty_file_has_an_empty_list_as_content():
    expected = f'{{"name":"a","type":"file",{TIMES},"uid":0,"gid":0,"content":[]}}'

    assert only_entry(encode_tree([node(b"a", content=())])) == expected.encode()


def test_every_field_stands_in_restic_s_order():
    full = node(
        b"a",
        mode=go_mode(0o104755),
        uid=1,
        gid=2,
        user="u",
        group="g",
        inode=2**64 - 1,
        device_id=3,
        size=2**40,
        links=2,
        link_target=b"t",
        device=5,
        xattrs=((b"user.k", b"\x00\xff"),),
        content=(BLOB,),
        subtree=BLOB,
        generic_attributes=(("windows.b", b"2"), ("windows.a", b'"x"')),
        error="e",
    )

    assert only_entry(encode_tree([full])).decode() == (
        '{"name":"a","type":"file","mode":8389101,'
        f"{TIMES},"
        '"uid":1,"gid":2,"user":"u","group":"g","inode":18446744073709551615,"device_id":3,'
        '"size":1099511627776,"links":2,"linktarget":"t",'
        '"extended_attributes":[{"name":"user.k","value":"AP8="}],'
        '"generic_attributes":{"windows.a":"x","windows.b":2},"device":5,'
        f'"content":["{BLOB.hex()}"],"subtree":"{BLOB.hex()}","error":"e"}}'
    )


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (b"a&b<c>d", rb'"name":"a\u0026b\u003cc\u003ed"'),
        (b'q"q', rb'"name":"q\\\"q"'),
        (b"b\\b", rb'"name":"b\\\\b"'),
        (b"n\nn", rb'"name":"n\\nn"'),
        (b"\xff", rb'"name":"\\xff"'),
        ("\u2028".encode(), rb'"name":"\\u2028"'),
        ("\u4f60".encode(), '"name":"\u4f60"'.encode()),
    ],
)
def test_names_are_quoted_once_by_strconv_and_once_by_json(name, written):
    encoded = encode_tree([node(name)])

    assert written in encoded
    assert decode_tree(encoded)[0].name == name


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (b"../x y", b'"linktarget":"../x y",'),
        (b'<&>"\\', rb'"linktarget":"\u003c\u0026\u003e\"\\",'),
        (b"a\nb\tc\rd\x01\x7f", b'"linktarget":"a\\nb\\tc\\rd\\u0001\x7f",'),
        ("\u2028\u2029".encode(), rb'"linktarget":"\u2028\u2029",'),
        (b"x\xff\xfey", rb'"linktarget":"x\ufffd\ufffdy","linktarget_raw":"eP/+eQ==",'),
    ],
)
def test_link_targets_are_written_as_go_s_json_does(target, written):
    encoded = encode_tree([node(b"l", NodeType.SYMLINK, link_target=target)])

    assert written in encoded
    assert decode_tree(encoded)[0].link_target == target


def test_entries_are_sorted_by_the_bytes_of_their_names():
    names = [b"b", b"a", b"\xff", "\u4f60".encode(), b"B", b"a.b", b"a-b"]

    encoded = encode_tree([node(name) for name in names])

    assert [entry.name for entry in decode_tree(encoded)] == sorted(names)


@pytest.mark.parametrize("names", [[b"a", b"a"], [b""]])
def test_two_entries_of_one_name_and_entries_without_a_name_are_refused(names):
    with pytest.raises(ValueError, match="name"):
        encode_tree([node(name) for name in names])


def test_fields_of_newer_versions_are_passed_over():
    rows = {"later": 1, "nodes": [json.loads(only_entry(encode_tree([node(b"a")]))) | {"new": {}}]}

    assert decode_tree(json.dumps(rows).encode()) == [node(b"a")]


def test_a_type_we_do_not_know_is_kept_as_invalid():
    data = b'{"nodes":[{"name":"a","type":"door","content":null}]}'

    assert decode_tree(data)[0].type is NodeType.INVALID


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"nodes":[1]}',
        b'{"nodes":{}}',
        b'{"nodes":{"a":1}}',
        b'{"nodes":[{}]}',
        b'{"nodes":[{"name":1}]}',
        b'{"nodes":[{"name":"a","type":"file","content":["00"]}]}',
        b'{"nodes":[{"name":"a","type":"file","content":[null]}]}',
        b'{"nodes":[{"name":"a","type":"file","size":-1}]}',
        b'{"nodes":[{"name":"a","type":"file","mode":"rw"}]}',
        b'{"nodes":[{"name":"a","type":[]}]}',
        b'{"nodes":[{"name":"a","type":"file","mtime":5}]}',
        b'{"nodes":[{"name":"a","linktarget":"","linktarget_raw":"!"}]}',
        b'{"nodes":[{"name":"a","extended_attributes":[{"value":""}]}]}',
        b'{"nodes":[{"name":"a","user":5}]}',
    ],
)
def test_what_is_no_tree_is_damage(data):
    with pytest.raises(RepositoryDamaged):
        decode_tree(data)


ids = st.binary(min_size=32, max_size=32).map(BlobId)
counts = st.integers(0, 2**64 - 1)
texts = st.text(max_size=8)
nodes = st.builds(
    Node,
    name=st.binary(min_size=1, max_size=40),
    type=st.sampled_from([kind for kind in NodeType if kind is not NodeType.INVALID]),
    mode=st.integers(0, 2**32 - 1),
    mtime_ns=st.integers(-(2**63), 2**63),
    atime_ns=st.integers(-(2**63), 2**63),
    ctime_ns=st.integers(-(2**63), 2**63),
    uid=st.integers(0, 2**32 - 1),
    gid=st.integers(0, 2**32 - 1),
    user=texts,
    group=texts,
    inode=counts,
    device_id=counts,
    size=counts,
    links=counts,
    link_target=st.binary(max_size=20),
    device=counts,
    xattrs=st.lists(st.tuples(texts.map(str.encode), st.binary(max_size=9)), max_size=2).map(tuple),
    content=st.none() | st.lists(ids, max_size=3).map(tuple),
    subtree=st.none() | ids,
    error=texts,
)


@given(st.lists(nodes, max_size=4, unique_by=lambda entry: entry.name))
def test_any_tree_survives_and_is_encoded_the_same_again(entries):
    encoded = encode_tree(entries)
    decoded = decode_tree(encoded)

    assert decoded == sorted(entries, key=lambda entry: entry.name)
    assert encode_tree(decoded) == encoded
