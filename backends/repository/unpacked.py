"""Objects outside packs: index, snapshot and lock; each a sealed JSON document.

In version 2 the plain text begins with the byte 2 and goes on with a zstd frame; in version 1, and
in old objects of an upgraded repository, it is the JSON itself (restic's `doc/design.rst`,
"Unpacked Data Format").
"""

import enum
import hashlib
import re
from collections.abc import Iterator
from typing import Final, Protocol

from backends.errors import MemoryFault, RepositoryDamaged
from backends.protocols import ObjectStore
from backends.repository.config import RepositoryConfig
from backends.repository.crypto import MasterKey
from backends.repository.zstd import ZstdCompressor, decompress
from backends.types import ObjectInfo

_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COMPRESSED: Final = b"\x02"
_JSON: Final = (b"{", b"[")
#: Plain bytes of one document; restic keeps an index below 8 MiB, its prune may write more.
_LARGEST: Final = 256 << 20
_compressor = ZstdCompressor()


class ObjectKind(enum.Enum):
    """A top-level folder of the repository; its objects are named by their SHA-256 in hex."""

    #: Which blob lies where in which pack.
    INDEX = "index"
    #: One saved state each.
    SNAPSHOT = "snapshots"
    #: One claim of a running program each.
    LOCK = "locks"

    @property
    def prefix(self) -> str:
        """What every key of the kind begins with."""
        return f"{self.value}/"

    def key(self, object_id: str) -> str:
        """The store key of one object."""
        return f"{self.value}/{object_id}"


class OpenRepository(Protocol):
    """What these functions need of a repository."""

    @property
    def store(self) -> ObjectStore:
        """Where the objects are."""

    @property
    def master(self) -> MasterKey:
        """What they are sealed with."""

    @property
    def config(self) -> RepositoryConfig:
        """Which framing they have."""


def save_unpacked(repository: OpenRepository, kind: ObjectKind, document: bytes) -> str:
    """Seal, prove and store a JSON document; returns its id.

    Raises:
        MemoryFault: the sealed form does not decode to the document; nothing was stored.
        StoreError: the store did not take it.
    """
    info = store_unpacked(repository, kind, document)
    return info.key.removeprefix(kind.prefix)


def store_unpacked(repository: OpenRepository, kind: ObjectKind, document: bytes) -> ObjectInfo:
    """Likewise; returns what the store said of it."""
    sealed = repository.master.seal(frame_document(document, repository.config.version))
    try:
        again = unframe_document(repository.master.open(sealed))
    except RepositoryDamaged as error:
        raise MemoryFault(f"An object of kind {kind.value} did not decode.") from error
    if again != document:
        raise MemoryFault(f"An object of kind {kind.value} did not decode to what was sealed.")
    return repository.store.put(kind.key(hashlib.sha256(sealed).hexdigest()), sealed)


def load_unpacked(repository: OpenRepository, kind: ObjectKind, object_id: str) -> bytes:
    """The JSON document of one object.

    Raises:
        ObjectMissing: no such object.
        RepositoryDamaged: not what its name says, altered, or in an unknown framing.
    """
    return open_unpacked(repository, fetch_unpacked(repository, kind, object_id))


def fetch_unpacked(repository: OpenRepository, kind: ObjectKind, object_id: str) -> bytes:
    """One object as it is stored, which is a third of what it holds.

    Raises:
        ObjectMissing: no such object.
        RepositoryDamaged: not what its name says.
    """
    sealed = repository.store.get(kind.key(object_id))
    if hashlib.sha256(sealed).hexdigest() != object_id:
        raise RepositoryDamaged(f"{kind.key(object_id)} does not have the checksum in its name.")
    return sealed


def open_unpacked(repository: OpenRepository, sealed: bytes) -> bytes:
    """The JSON document in it. Raises RepositoryDamaged: altered, or in an unknown framing."""
    return unframe_document(repository.master.open(sealed))


def list_unpacked(repository: OpenRepository, kind: ObjectKind) -> tuple[str, ...]:
    """The ids of all objects of a kind, sorted; what is named otherwise is passed over."""
    return tuple(object_id for object_id, _ in list_objects(repository, kind))


def list_objects(repository: OpenRepository, kind: ObjectKind) -> Iterator[tuple[str, ObjectInfo]]:
    """Like `list_unpacked`, with what the store says of each.

    In a folder, stock restic writes an object under another name first (`ID-tmp-NUMBER`); such a
    one is not there yet.
    """
    for info in repository.store.list(kind.prefix):
        object_id = info.key.removeprefix(kind.prefix)
        if _ID.fullmatch(object_id):
            yield object_id, info


def frame_document(document: bytes, version: int) -> bytes:
    """The plain text that is sealed for a document."""
    return document if version == 1 else _COMPRESSED + _compressor.compress(document)


def unframe_document(plain: bytes) -> bytes:
    """The document in a plain text of either version.

    Raises:
        RepositoryDamaged: it begins with neither JSON nor the byte 2, or does not decompress.
    """
    if plain[:1] == _COMPRESSED:
        return decompress(memoryview(plain)[1:], most=_LARGEST)
    if plain[:1] not in _JSON:
        raise RepositoryDamaged("A sealed object has an encoding that is not known.")
    return plain
