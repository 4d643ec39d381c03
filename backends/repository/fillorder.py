"""What another process is asked to write, and what it answers, as bytes.

Both ends are the same program from before it became two, and nobody else can speak on the line
between them: so what Python writes for itself will do, at a tenth of JSON's price.
"""

import marshal
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from backends.repository.crypto import MasterKey
from backends.repository.pack import PackedBlob
from backends.repository.restored_metadata import Shortfall
from backends.repository.restored_pieces import RestoredFile, WantedBlob
from backends.repository.tree import Node, NodeType
from backends.types import BlobId, BlobKind

#: In place of an offset: the file is made of this one piece.
_WHOLE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class FillOrder:
    """Blobs of one pack and where they go to.

    Attributes:
        master: Of the repository.
        target: The folder that is filled.
        identity: Its device and inode.
        owners: As `Metadata` takes it.
        disguised: Complete files by `DisguisedMetadata`.
        pack: SHA-256 of the pack.
        blobs: What of it is wanted.
    """

    master: MasterKey = field(repr=False)
    target: Path
    identity: tuple[int, int]
    owners: bool
    disguised: bool
    pack: bytes
    blobs: tuple[WantedBlob, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillAnswer:
    """What became of an order.

    Attributes:
        undone: Places that were not filled, by their number over all blobs of the order.
        shortfalls: Metadata that is not as it was saved.
    """

    undone: frozenset[int] = frozenset()
    shortfalls: tuple[Shortfall, ...] = ()


def encode_order(order: FillOrder) -> bytes:
    """Of content it holds nothing."""
    master = order.master
    head = (
        master.encrypt + master.mac_k + master.mac_r,
        bytes(order.target),
        order.identity,
        order.owners,
        order.disguised,
        order.pack,
    )
    return marshal.dumps((head, [_blob_row(each) for each in order.blobs]))


def decode_order(text: bytes) -> FillOrder:
    """Read it back."""
    head, rows = marshal.loads(text)  # noqa: S302 - from this very program, see above
    key, target, identity, owners, disguised, pack = head
    return FillOrder(
        master=MasterKey.from_derived(key),
        target=Path(os.fsdecode(target)),
        identity=identity,
        owners=owners,
        disguised=disguised,
        pack=pack,
        blobs=tuple(map(_read_blob, rows)),
    )


def encode_answer(answer: FillAnswer) -> bytes:
    """Short: what went well is not mentioned."""
    shortfalls = [(each.reason, each.count, each.example) for each in answer.shortfalls]
    return marshal.dumps((tuple(answer.undone), shortfalls))


def decode_answer(text: bytes) -> FillAnswer:
    """Read it back."""
    undone, rows = marshal.loads(text)  # noqa: S302 - from this very program, see above
    shortfalls = (
        Shortfall(reason=reason, count=count, example=example) for reason, count, example in rows
    )
    return FillAnswer(undone=frozenset(undone), shortfalls=tuple(shortfalls))


def _blob_row(wanted: WantedBlob) -> tuple[object, ...]:
    blob = wanted.blob
    places = [_place_row(file, offset) for file, offset in wanted.places]
    return blob.id, blob.offset, blob.length, blob.uncompressed_length, places


def _place_row(file: RestoredFile, offset: int) -> tuple[object, ...]:
    node = file.node
    if not file.is_one_piece:
        return file.folder, node.name, offset, offset in file.soiled
    times = node.atime_ns, node.mtime_ns
    return file.folder, node.name, _WHOLE, node.mode, node.uid, node.gid, *times, node.xattrs


# A row is what `_blob_row` made, so nothing in it is looked at twice.
def _read_blob(row: tuple[Any, ...]) -> WantedBlob:
    blob_id, offset, length, plain, places = row
    blob = PackedBlob(
        kind=BlobKind.DATA,
        id=BlobId(blob_id),
        offset=offset,
        length=length,
        uncompressed_length=plain,
    )
    return WantedBlob(blob, [_read_place(place, blob.id) for place in places])


def _read_place(row: tuple[Any, ...], blob_id: BlobId) -> tuple[RestoredFile, int]:
    folder, name, offset, *rest = row
    if offset == _WHOLE:
        return RestoredFile(folder, _node(name, (blob_id,), *rest)), 0
    (soiled,) = rest
    node = _node(name, None, 0, 0, 0, 0, 0, ())
    file = RestoredFile(folder, node, exists=True)
    if soiled:
        file.soiled = frozenset((offset,))
    return file, offset


def _node(name: bytes, content: tuple[BlobId, ...] | None, *facts: Any) -> Node:  # noqa: ANN401 - see above
    mode, uid, gid, atime_ns, mtime_ns, xattrs = facts
    return Node(
        name=name,
        type=NodeType.FILE,
        mode=mode,
        uid=uid,
        gid=gid,
        atime_ns=atime_ns,
        mtime_ns=mtime_ns,
        ctime_ns=0,
        xattrs=xattrs,
        content=content,
    )
