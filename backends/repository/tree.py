"""Trees: the entries of one folder, as restic's tree blobs hold them.

Source of the shape and of every rule about omitted fields: `Node` in restic's
`internal/data/node.go` and the chapter "Trees and Data" of its `doc/design.rst`.
"""

import enum
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from backends.errors import RepositoryDamaged
from backends.repository.filetimes import ZERO_TIME, format_time, parse_time
from backends.repository.go_json import dump_json, go_string, load_json
from backends.repository.modes import go_mode, posix_mode
from backends.repository.names import quote_name, unquote_name
from backends.types import BlobId

__all__ = [
    "Node",
    "NodeType",
    "decode_tree",
    "encode_tree",
    "go_mode",
    "posix_mode",
]

_ID_BYTES = 32


class NodeType(enum.Enum):
    """What an entry is; the values are restic's words."""

    FILE = "file"
    """A regular file; its bytes are the data blobs of `content`."""
    DIR = "dir"
    """A folder; its entries are the tree blob `subtree`."""
    SYMLINK = "symlink"
    """A symbolic link to `link_target`."""
    DEV = "dev"
    """A block device."""
    CHARDEV = "chardev"
    """A character device."""
    FIFO = "fifo"
    """A named pipe."""
    SOCKET = "socket"
    """A Unix socket; it is listed but cannot be restored."""
    IRREGULAR = "irregular"
    """Something only another operating system has."""
    INVALID = ""
    """A word we do not know: damage, or a newer restic."""

    @classmethod
    def of(cls, st_mode: int) -> "NodeType":
        """Name the type in an `st_mode`; one that POSIX does not know is invalid."""
        return _POSIX_TYPES.get(stat.S_IFMT(st_mode), cls.INVALID)


_TYPES = {kind.value: kind for kind in NodeType}
_POSIX_TYPES = {
    stat.S_IFREG: NodeType.FILE,
    stat.S_IFDIR: NodeType.DIR,
    stat.S_IFLNK: NodeType.SYMLINK,
    stat.S_IFBLK: NodeType.DEV,
    stat.S_IFCHR: NodeType.CHARDEV,
    stat.S_IFIFO: NodeType.FIFO,
    stat.S_IFSOCK: NodeType.SOCKET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One entry of a folder.

    Attributes:
        name: Raw bytes, one path component.
        type: See `NodeType`.
        mode: Go's `fs.FileMode` (`go_mode` makes it, `posix_mode` undoes it).
        mtime_ns: Last change of the content; nanoseconds since 1970, as are all three times.
        atime_ns: Last reading.
        ctime_ns: Last change of the inode.
        uid: Owner's number.
        gid: Group's number.
        user: Owner's name where known.
        group: Group's name where known.
        inode: Inode number; with `device_id` it tells which files are hard links of each other.
        device_id: `st_dev`; restic keeps it only where `links` is above 1.
        size: Bytes of a regular file.
        links: Hard links to the inode; 0 where not recorded (folders, pipes).
        link_target: Where a symbolic link points, raw bytes.
        device: `st_rdev` of a device.
        xattrs: Extended attributes, name and value, ACLs among them.
        content: Data blobs of a regular file in order; None for everything else.
        subtree: Tree blob of a folder.
        generic_attributes: Facts of other operating systems: name and JSON, kept as they are.
        error: What went wrong when restic read this entry.
    """

    name: bytes
    type: NodeType
    mode: int
    mtime_ns: int
    atime_ns: int
    ctime_ns: int
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    inode: int = 0
    device_id: int = 0
    size: int = 0
    links: int = 0
    link_target: bytes = b""
    device: int = 0
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    content: tuple[BlobId, ...] | None = None
    subtree: BlobId | None = None
    generic_attributes: tuple[tuple[str, bytes], ...] = ()
    error: str = ""

    def with_subtree(self, subtree: BlobId) -> "Node":
        """The same folder with these entries."""
        return replace(self, subtree=subtree)


def encode_tree(nodes: Iterable[Node]) -> bytes:
    """Write the entries of one folder, sorted by name, to the byte as restic does.

    Raises:
        ValueError: two entries have the same name, or one has none.
    """
    ordered = sorted(nodes, key=lambda node: node.name)
    previous = b""
    for node in ordered:
        if node.name <= previous:
            raise ValueError(f"Two entries with one name, or one without: {node.name!r}.")
        previous = node.name
    return dump_json({"nodes": [node_to_json(node) for node in ordered]}) + b"\n"


def node_to_json(node: Node) -> dict[str, object]:
    """Give the fields in restic's order; optional ones are left out where empty."""
    row: dict[str, object] = {"name": quote_name(node.name), "type": node.type.value}
    if node.mode:
        row["mode"] = node.mode
    row["mtime"] = format_time(node.mtime_ns)
    row["atime"] = format_time(node.atime_ns)
    row["ctime"] = format_time(node.ctime_ns)
    row["uid"] = node.uid
    row["gid"] = node.gid
    _add_inode(row, node)
    _add_rare(row, node)
    content = node.content
    row["content"] = None if content is None else [blob.hex() for blob in content]
    if node.subtree is not None:
        row["subtree"] = node.subtree.hex()
    if node.error:
        row["error"] = node.error
    return row


def _add_inode(row: dict[str, object], node: Node) -> None:
    if node.user:
        row["user"] = node.user
    if node.group:
        row["group"] = node.group
    if node.inode:
        row["inode"] = node.inode
    if node.device_id:
        row["device_id"] = node.device_id
    if node.size:
        row["size"] = node.size
    if node.links:
        row["links"] = node.links


def _add_rare(row: dict[str, object], node: Node) -> None:
    if node.link_target:
        _add_link_target(row, node.link_target)
    if node.xattrs:
        row["extended_attributes"] = [_xattr(name, value) for name, value in node.xattrs]
    if node.generic_attributes:
        pairs = sorted(node.generic_attributes)
        row["generic_attributes"] = {name: orjson.Fragment(value) for name, value in pairs}
    if node.device:
        row["device"] = node.device


def _add_link_target(row: dict[str, object], target: bytes) -> None:
    """Write the target; one that is not UTF-8 a second time, exactly, as restic 0.16 does."""
    text = go_string(target)
    row["linktarget"] = text
    if not isinstance(text, str):
        row["linktarget_raw"] = b64encode(target).decode()


def _xattr(name: bytes, value: bytes) -> dict[str, object]:
    return {"name": go_string(name), "value": b64encode(value).decode()}


def decode_tree(data: bytes) -> list[Node]:
    """Read a tree blob; entries come in stored order, fields we do not know are passed over.

    Names are not judged here: whoever makes paths of them must refuse `/`, NUL, `.` and `..`.

    Raises:
        RepositoryDamaged: it is not a tree.
    """
    try:
        rows = load_json(data)["nodes"]
        return [_from_json(row) for row in _list(rows)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RepositoryDamaged(f"Not a tree: {error!r}.") from error


# A row is JSON: every value is checked or converted below, and a wrong type raises.
def _from_json(row: dict[str, Any]) -> Node:
    get = row.get
    content, subtree, xattrs = get("content"), get("subtree"), get("extended_attributes")
    mode, uid, gid, inode, device_id, size, links, device = _counts(
        [get(key, 0) for key in _COUNTS]
    )
    user, group, error = _texts([get("user", ""), get("group", ""), get("error", "")])
    return Node(
        name=unquote_name(row["name"]),
        type=_TYPES.get(get("type", ""), NodeType.INVALID),
        mode=mode,
        mtime_ns=parse_time(get("mtime", ZERO_TIME)),
        atime_ns=parse_time(get("atime", ZERO_TIME)),
        ctime_ns=parse_time(get("ctime", ZERO_TIME)),
        uid=uid,
        gid=gid,
        user=user,
        group=group,
        inode=inode,
        device_id=device_id,
        size=size,
        links=links,
        link_target=_read_link_target(row) if "linktarget" in row else b"",
        device=device,
        xattrs=_read_xattrs(xattrs) if xattrs else (),
        content=None if content is None else tuple([_blob_id(text) for text in _list(content)]),
        subtree=None if subtree is None else _blob_id(subtree),
        generic_attributes=_read_generic(get("generic_attributes")),
        error=error,
    )


_COUNTS: Final = ("mode", "uid", "gid", "inode", "device_id", "size", "links", "device")


def _counts(values: list[Any]) -> list[int]:
    # Types are compared and not tested for: JSON's true is an int to Python.
    if set(map(type, values)) != {int} or min(values) < 0:
        raise TypeError(f"Not all whole numbers: {values!r}.")
    return values


def _texts(values: list[Any]) -> list[str]:
    if set(map(type, values)) != {str}:
        raise TypeError(f"Not all text: {values!r}.")
    return values


def _list(value: object) -> list[Any]:
    if value is None:
        return []  # how Go writes a list that was never made
    if type(value) is not list:
        raise TypeError(f"Not a list: {value!r}.")
    return value


def _blob_id(text: str) -> BlobId:
    raw = bytes.fromhex(text)
    if len(raw) != _ID_BYTES:
        raise ValueError(f"Not a blob id: {text!r}.")
    return BlobId(raw)


def _read_link_target(row: dict[str, Any]) -> bytes:
    raw = row.get("linktarget_raw")
    target: bytes = row["linktarget"].encode() if raw is None else b64decode(raw, validate=True)
    return target


def _read_xattrs(rows: list[dict[str, Any]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((row["name"].encode(), b64decode(row.get("value") or "")) for row in rows)


def _read_generic(rows: dict[str, Any] | None) -> tuple[tuple[str, bytes], ...]:
    if not rows:
        return ()
    return tuple((name, orjson.dumps(value)) for name, value in rows.items())
