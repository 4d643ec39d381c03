"""Finds out which entries of a snapshot are names of one inode."""

from dataclasses import dataclass

from backends.repository.tree import Node, NodeType


@dataclass(slots=True, eq=False)
class FirstName:
    """The first name that was met of an inode with several.

    Attributes:
        folder: Path of the folder that it is in.
        name: What it is called there.
        content: What it consists of, to be compared with that of further names.
        left: Names not met yet, as far as the snapshot's link count tells.
    """

    folder: bytes
    name: bytes
    content: int
    left: int


class HardLinks:
    """Remembers first names until the last name of their inode was met."""

    def __init__(self) -> None:
        self._first: dict[tuple[NodeType, int, int], FirstName] = {}

    def meet(self, folder: bytes, node: Node) -> FirstName | None:
        """The first name of the inode that this entry is a further name of, if it is one.

        Two names whose content differs are no links of each other, whatever their inode says:
        the file was changed while it was read.
        """
        if node.links < 2 or not node.inode:  # noqa: PLR2004 - one name is no hard link
            return None
        key = (node.type, node.device_id, node.inode)
        content = hash((node.content, node.link_target, node.device))
        first = self._first.get(key)
        if first is None:
            self._first[key] = FirstName(folder, node.name, content, node.links - 1)
            return None
        if first.content != content:
            return None
        first.left -= 1
        if not first.left:
            del self._first[key]
        return first

    def awaited(self) -> set[bytes]:
        """Folders that must stay accessible, because an inode in them may get another name."""
        awaited = set[bytes]()
        for first in self._first.values():
            folder = first.folder
            while folder and folder not in awaited:
                awaited.add(folder)
                folder = folder.rpartition(b"/")[0]
        return awaited
