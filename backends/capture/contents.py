"""What a staged file holds: as this run stored it, as the parent has it, or as it is read now."""

import os
from collections.abc import Callable

from backends.capture.cut import Cut, may_be_kept
from backends.capture.doubt import move_time
from backends.capture.entries import Entry, FileRecord, sha256_of
from backends.capture.halt import Halt, NoHalt
from backends.capture.ledger import Ledger, StoredContent
from backends.capture.packing import Packing
from backends.capture.recall import content_before
from backends.capture.vacancy import is_vacated
from backends.errors import LocalPathUnusable, StagedContentGone
from backends.repository.index import Index
from backends.repository.tree import Node
from backends.types import BlobId


class Contents:
    """Finds the content of files for one walk; see `ImageWalk` for the parameters.

    Attributes:
        parent: Root tree of the parent snapshot.
    """

    def __init__(
        self,
        *,
        index: Index,
        ledger: Ledger,
        packing: Packing,
        load_tree: Callable[[BlobId], list[Node]],
        sha256_before: Callable[[bytes], bytes | None],
        cut: Cut | None,
        halt: Halt | None,
    ) -> None:
        self.parent: BlobId | None = None
        self._index = index
        self._ledger = ledger
        self._packing = packing
        self._load_tree = load_tree
        self._sha256_before = sha256_before
        self._cut = cut
        self._halt = halt or NoHalt()
        self._refused: set[int] = set()

    def find(self, entry: Entry, known: Node | None) -> FileRecord | None:
        """What was stored in this run, or is now; None where it is left out.

        A file of which only the attributes changed was touched, so it is read again. Where that
        gives the parent's content, it still is what the source sent and was compared with then.
        """
        stored = None if entry.stat.st_ino in self._refused else self._ledger.find(entry.stat)
        if stored is None and is_vacated(entry.place):
            return self._recall(entry, known)
        content = stored or self._read(entry, known)
        if content is None:
            return None
        same = not content.compared and self._is_as_before(entry.path, content, known)
        if self._cut and not same and (stored is None or stored.doubtful):
            self._refused.add(entry.stat.st_ino)
            return None
        return FileRecord(
            path=entry.path,
            size=content.size,
            blobs=content.blobs,
            sha256=content.sha256,
            compared=content.compared,
            unchanged=same,
        )

    def _recall(self, entry: Entry, known: Node | None) -> FileRecord | None:
        """The content of a file whose data is gone, which then is the parent's."""
        blobs = content_before(
            entry.stat,
            known,
            parent=self.parent,
            load_tree=self._load_tree,
            index=self._index,
        )
        if blobs is not None:
            return FileRecord(
                path=entry.path,
                size=entry.stat.st_size,
                blobs=blobs,
                sha256=sha256_of(blobs),
                compared=False,
                unchanged=True,
            )
        if self._cut is not None:
            # A window may be at this very file; and the next pull asks for what is really gone.
            return None
        move_time(entry.place)
        raise StagedContentGone(
            f"The data of the staged file {os.fsdecode(entry.path)!r} is gone, and the "
            "repository no longer has it."
        )

    def _read(self, entry: Entry, known: Node | None) -> StoredContent | None:
        if self._cut is not None and not may_be_kept(entry.stat, known):
            return None
        content = self._packing.pack(entry.place, None)
        if content is None and not self._halt.is_over():
            raise LocalPathUnusable(
                f"The staged file {os.fsdecode(entry.place)!r} was removed while it was read.",
                hint="Nobody but Lapseguard may write to the staging folder.",
            )
        return content

    def _is_as_before(self, path: bytes, content: StoredContent, known: Node | None) -> bool:
        """Whether the parent snapshot had the same content, also where its folder is damaged."""
        if known is not None and known.content == content.blobs:
            return True
        return self._sha256_before(path) == content.sha256
