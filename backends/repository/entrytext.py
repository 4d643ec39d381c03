"""One entry of a tree as JSON, written in one go where it has nothing special.

That is nearly every entry, and a first run writes them all: from a dict it takes three times as
long.
"""

import re
from typing import Final

from backends.repository.filetimes import format_time
from backends.repository.go_json import dump_json
from backends.repository.tree import Node, node_to_json
from backends.types import BlobId

#: Names that neither Go's quoting nor JSON changes: ASCII without controls and `" & < > \`.
_PLAIN: Final = re.compile(rb"[ !#-%'-;=?-\[\]-~]+")


def entry_text(node: Node) -> bytes:
    """To the byte what `encode_tree` makes of it."""
    if node.user or node.group or node.link_target or node.xattrs:
        return _rare_text(node)
    if node.generic_attributes or node.device or node.error or not _PLAIN.fullmatch(node.name):
        return _rare_text(node)
    changed, read = format_time(node.mtime_ns), node.atime_ns
    accessed = changed if read == node.mtime_ns else format_time(read)
    mode = f',"mode":{node.mode}' if node.mode else ""
    subtree = f',"subtree":"{node.subtree.hex()}"' if node.subtree is not None else ""
    return (
        f'{{"name":"{node.name.decode("ascii")}","type":"{node.type.value}"{mode}'
        f',"mtime":"{changed}","atime":"{accessed}","ctime":"{format_time(node.ctime_ns)}"'
        f',"uid":{node.uid},"gid":{node.gid}{_inode_text(node)}'
        f',"content":{_content_text(node.content)}{subtree}}}'
    ).encode("ascii")


def _inode_text(node: Node) -> str:
    text = f',"inode":{node.inode}' if node.inode else ""
    if node.device_id:
        text += f',"device_id":{node.device_id}'
    if node.size:
        text += f',"size":{node.size}'
    return f'{text},"links":{node.links}' if node.links else text


def _content_text(content: tuple[BlobId, ...] | None) -> str:
    if content is None:
        return "null"
    return '["' + '","'.join([blob.hex() for blob in content]) + '"]' if content else "[]"


def _rare_text(node: Node) -> bytes:
    # Copied into memory of its own size: orjson's results keep the 4 KiB they were written in.
    return bytes(memoryview(dump_json(node_to_json(node))))
