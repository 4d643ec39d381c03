"""Reads blobs and trees; nothing leaves here whose SHA-256 is not its name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol, TypeVar

from backends.errors import ObjectCorrupt, ObjectMissing, RepositoryDamaged, RepositoryError
from backends.protocols import ObjectStore
from backends.repository.blob import Piece, batch_pieces, open_blob, open_blobs, plain_length
from backends.repository.crypto import Buffer, MasterKey
from backends.repository.index import BlobLocation, Index
from backends.repository.pack import PackedBlob, pack_key
from backends.repository.spans import MOST, Span, plan_spans
from backends.repository.tree import Node, NodeType, decode_tree
from backends.repository.treeoutline import TreeEntry, outline_tree
from backends.repository.treepacks import KEPT, TreePacks
from backends.types import BlobId, BlobKind

#: What a pack does when it is damaged or gone, as opposed to a store that does not answer.
UNREADABLE: Final = (RepositoryDamaged, ObjectMissing, ObjectCorrupt)

_Entry = TypeVar("_Entry", Node, TreeEntry)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkedNode:
    """One entry met on a walk.

    Attributes:
        path: From the root, components joined by `/`, no leading slash, raw bytes. Components
            are as stored: one that holds `/` or is `..` is not refused here.
        node: The entry.
    """

    path: bytes
    node: Node


class Opened(Protocol):
    """What reading takes of a repository."""

    @property
    def store(self) -> ObjectStore:
        """Where the packs are."""

    @property
    def master(self) -> MasterKey:
        """What they are sealed with."""


class BlobReader:
    """Reads from one repository; safe to use from several threads.

    Args:
        repository: Where to read.
        index: What is where; blobs that it comes to know later are found too.
        tree_cache: Bytes of tree packs kept in memory.
    """

    def __init__(self, repository: Opened, index: Index, *, tree_cache: int = KEPT) -> None:
        self.index = index
        self.master = repository.master
        self._store = repository.store
        self._tree_packs = TreePacks(repository.store, keep=tree_cache)

    @property
    def store(self) -> ObjectStore:
        """Where it reads from."""
        return self._store

    def load(self, blob_id: BlobId, kind: BlobKind) -> bytes:
        """The plain bytes of one blob, from whichever of its packs is sound.

        Raises:
            RepositoryDamaged: no index lists it, or every place is damaged; the message names
                the blob and its packs.
            StoreError: the store does not answer.
        """
        places = self.index.lookup(kind, blob_id)
        if not places:
            raise RepositoryDamaged(f"{_name(kind, blob_id)} is in no index.")
        reasons = []
        for place in places:
            try:
                return self.open(place.blob, self._sealed(place))
            except UNREADABLE as error:
                reasons.append(f"pack {place.pack.hex()}: {error}")
        raise RepositoryDamaged(f"{_name(kind, blob_id)} is damaged; {'; '.join(reasons)}")

    def _sealed(self, place: BlobLocation) -> Buffer:
        if place.blob.kind is BlobKind.TREE:
            return self._tree_packs.sealed(place)
        blob = place.blob
        return self._store.get(pack_key(place.pack), offset=blob.offset, length=blob.length)

    def open(self, blob: PackedBlob, sealed: Buffer) -> bytes:
        """The plain bytes of a blob that was fetched.

        Raises:
            RepositoryDamaged: they are not what the blob's name says.
        """
        return open_blob(self.master, sealed, blob.uncompressed_length, blob.id)

    def locate(self, blob_id: BlobId, kind: BlobKind) -> BlobLocation:
        """A place of a blob.

        Raises:
            RepositoryDamaged: no index lists it.
        """
        place = self.index.first(kind, blob_id)
        if place is None:
            raise RepositoryDamaged(f"{_name(kind, blob_id)} is in no index.")
        return place

    def size(self, blob_id: BlobId) -> int | None:
        """Plain bytes that a data blob has by the index, or None where it is in none."""
        place = self.index.first(BlobKind.DATA, blob_id)
        if place is None:
            return None
        return plain_length(place.blob.length, place.blob.uncompressed_length)

    def read_pack(
        self, pack: bytes, blobs: Iterable[PackedBlob]
    ) -> Iterator[tuple[PackedBlob, bytes | RepositoryError]]:
        """Open chosen blobs of a pack, by their place in it, with as few requests as it takes.

        A blob that cannot be read comes with the reason in place of its bytes.

        Raises:
            StoreError: the store does not answer.
        """
        for span in plan_spans(blobs):
            for batch in self.open_span(span, self.fetch_span(pack, span)):
                yield from batch

    def fetch_span(self, pack: bytes, span: Span) -> bytes:
        """The bytes of a pack that hold some blobs, or fewer where it is damaged.

        Raises:
            StoreError: the store does not answer.
        """
        try:
            return self._store.get(pack_key(pack), offset=span.offset, length=span.length)
        except (ObjectMissing, ObjectCorrupt):
            return b""  # each blob has a try of its own when it is opened

    def open_span(
        self, span: Span, fetched: bytes
    ) -> Iterator[list[tuple[PackedBlob, bytes | RepositoryError]]]:
        """Open the blobs of a span that was fetched, a batch at each step; see `read_pack`."""
        data, blobs = memoryview(fetched), iter(span.blobs)
        pieces = (
            (span.sealed(data, blob), blob.uncompressed_length, blob.id) for blob in span.blobs
        )
        for batch in batch_pieces(pieces):
            members = list(islice(blobs, len(batch)))
            yield list(zip(members, self._open_batch(members, batch), strict=True))

    def _open_batch(
        self, blobs: list[PackedBlob], batch: list[Piece]
    ) -> Iterable[bytes | RepositoryError]:
        try:
            return open_blobs(self.master, batch)
        except RepositoryDamaged:
            return (
                self._open_or_reason(blob, sealed)
                for blob, (sealed, _, _) in zip(blobs, batch, strict=True)
            )

    def _open_or_reason(self, blob: PackedBlob, sealed: Buffer) -> bytes | RepositoryError:
        try:
            return self.open(blob, sealed)
        except RepositoryDamaged:
            return self._load_or_reason(blob)

    def _load_or_reason(self, blob: PackedBlob) -> bytes | RepositoryError:
        """Try once more, and every other place of the blob."""
        try:
            return self.load(blob.id, blob.kind)
        except RepositoryDamaged as error:
            return error

    def contents(self, blob_ids: Iterable[BlobId]) -> Iterator[bytes]:
        """The data blobs of a file one after the other; neighbours in a pack come in one request.

        Holds no more than one span and one blob in memory.

        Raises:
            RepositoryDamaged: see `load`.
        """
        run: list[BlobLocation] = []
        for blob_id in blob_ids:
            place = self.locate(blob_id, BlobKind.DATA)
            if run and not _continues(run, place):
                yield from self._read_run(run)
                run = []
            run.append(place)
        if run:
            yield from self._read_run(run)

    def _read_run(self, run: list[BlobLocation]) -> Iterator[bytes]:
        for _, data in self.read_pack(run[0].pack, (place.blob for place in run)):
            if isinstance(data, RepositoryError):
                raise data
            yield data

    def load_tree(self, blob_id: BlobId) -> list[Node]:
        """The entries of one folder.

        Raises:
            RepositoryDamaged: as `load`, or the blob is not a tree.
        """
        return self._decode(blob_id, decode_tree)

    def outline_tree(self, blob_id: BlobId) -> list[TreeEntry]:
        """Likewise, with no more of each entry than its name, type, size and blobs."""
        return self._decode(blob_id, outline_tree)

    def _decode(self, blob_id: BlobId, decode: Callable[[bytes], list[_Entry]]) -> list[_Entry]:
        data = self.load(blob_id, BlobKind.TREE)
        try:
            return decode(data)
        except RepositoryDamaged as error:
            raise RepositoryDamaged(f"{_name(BlobKind.TREE, blob_id)}: {error}") from error

    def walk(
        self,
        root: BlobId,
        *,
        on_damaged: Callable[[bytes, RepositoryDamaged], None] | None = None,
    ) -> Iterator[WalkedNode]:
        """Every entry below a tree, folders before what is in them, in stored order.

        Args:
            root: The tree to begin with.
            on_damaged: Told the path of each folder that cannot be read (empty for the root);
                the walk goes on beside it. Without it the first one raises.

        Raises:
            RepositoryDamaged: see `on_damaged`.
        """
        # A list and not the interpreter's stack: servers nest deeper than Python recurses.
        pending = [self._children(WalkedNode(path=b"", node=_root_node(root)), on_damaged)]
        while pending:
            found = next(pending[-1], None)
            if found is None:
                pending.pop()
                continue
            yield found
            if found.node.type is NodeType.DIR:
                pending.append(self._children(found, on_damaged))

    def _children(
        self, folder: WalkedNode, on_damaged: Callable[[bytes, RepositoryDamaged], None] | None
    ) -> Iterator[WalkedNode]:
        try:
            nodes = self.load_tree(subtree_of(folder.node))
        except RepositoryDamaged as error:
            if on_damaged is None:
                raise
            on_damaged(folder.path, error)
            return
        for node in nodes:
            yield WalkedNode(path=join(folder.path, node.name), node=node)

    def find(self, root: BlobId, path: bytes) -> Node | None:
        """The entry at a path below a tree, or None where there is none.

        The empty path is the root, given as a folder without a name.

        Raises:
            RepositoryDamaged: a folder on the way cannot be read.
        """
        node = _root_node(root)
        for name in filter(None, path.split(b"/")):
            if node.type is not NodeType.DIR:
                return None
            nodes = self.load_tree(subtree_of(node))
            found = next((child for child in nodes if child.name == name), None)
            if found is None:
                return None
            node = found
        return node


def subtree_of(folder: Node | TreeEntry) -> BlobId:
    """The tree of a folder.

    Raises:
        RepositoryDamaged: it has none.
    """
    if folder.subtree is None:
        raise RepositoryDamaged(f"The folder {folder.name!r} has no tree.")
    return folder.subtree


def join(folder: bytes, name: bytes) -> bytes:
    """The path of an entry of a folder, the root being empty."""
    return folder + b"/" + name if folder else name


def _root_node(tree: BlobId) -> Node:
    return Node(
        name=b"", type=NodeType.DIR, mode=0, mtime_ns=0, atime_ns=0, ctime_ns=0, subtree=tree
    )


def _name(kind: BlobKind, blob_id: BlobId) -> str:
    return f"The {kind.value} blob {blob_id.hex()}"


def _continues(run: list[BlobLocation], place: BlobLocation) -> bool:
    """Whether a blob lies right behind the run in its pack, and the run is not too long yet."""
    first, last = run[0], run[-1]
    end = last.blob.offset + last.blob.length
    reach = place.blob.offset + place.blob.length - first.blob.offset
    return place.pack == last.pack and place.blob.offset == end and reach <= MOST
