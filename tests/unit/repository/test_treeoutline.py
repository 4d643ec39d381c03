"""An outline says of a tree what the full reading says, and refuses what that refuses."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged
from backends.repository.tree import decode_tree
from backends.repository.treeoutline import TreeEntry, outline_tree

_ID = "ab" * 32
_TIME = "2026-01-02T03:04:05.678901234+01:00"
_NODE = {
    "name": "a",
    "type": "file",
    "mode": 420,
    "mtime": _TIME,
    "atime": "2026-01-02T03:04:05Z",
    "ctime": _TIME,
    "uid": 1000,
    "gid": 1000,
    "user": "ann",
    "size": 3,
    "links": 1,
    "content": [_ID],
}
#: Values that some field may have, rightly or not.
_VALUES = st.sampled_from(
    [
        *(None, True, -1, 7, 1.5, "", "x", "file", "dir", "a\\n", 'a"b', [], {}, [_ID], [_ID[2:]]),
        *(_ID, " " * 64, f" {_ID}", [1], _TIME, f"{_TIME}\n{_TIME}", "2026-02-30T00:00:00Z"),
        *("2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05+24:00", "0000-01-01T00:00:00Z"),
        *([{"name": "user.a", "value": "YQ=="}], "YQ==", "YQ"),
    ]
)
_FIELDS = st.sampled_from(
    [
        *(*_NODE, "group", "error", "inode", "device_id", "device", "subtree", "linktarget"),
        *("linktarget_raw", "extended_attributes", "generic_attributes", "unknown"),
    ]
)


def read_both(data: bytes) -> tuple[object, object]:
    """What each reading says; None where it refuses."""
    try:
        full = [
            TreeEntry(node.name, node.type, node.size, node.content, node.subtree)
            for node in decode_tree(data)
        ]
    except RepositoryDamaged as error:
        with pytest.raises(RepositoryDamaged) as refused:
            outline_tree(data)
        return str(error), str(refused.value)
    return full, outline_tree(data)


@given(st.lists(st.dictionaries(_FIELDS, _VALUES, max_size=3), min_size=1, max_size=3))
def test_whatever_stands_in_a_tree_both_readings_agree(changes):
    rows = [_NODE | change for change in changes]

    full, outline = read_both(orjson.dumps({"nodes": rows}))

    assert outline == full


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"nodes":null}', b'{"nodes":{}}', b'{"nodes":["a"]}', b"\xff"]
)
def test_what_is_no_tree_is_refused_alike(data):
    full, outline = read_both(data)

    assert outline == full


@pytest.mark.parametrize("field", ["name", "type", "mtime", "content"])
def test_a_field_that_is_not_there_means_the_same_to_both(field):
    row = {key: value for key, value in _NODE.items() if key != field}

    full, outline = read_both(orjson.dumps({"nodes": [row]}))

    assert outline == full
