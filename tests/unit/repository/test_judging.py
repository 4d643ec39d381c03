"""A pack judged by its own header: sound in one pass, or the first thing that is wrong with it."""

import hashlib

from backends.objectstore.memory import MemoryStore
from backends.repository.blob import SealedBlob, identify
from backends.repository.crypto import MasterKey
from backends.repository.judging import PackJudge
from backends.repository.pack import PackBuilder, encode_header, pack_key
from backends.repository.zstd import ZstdCompressor
from backends.types import BlobKind


def judge_pack(contents: list[tuple[bytes, bytes]]):
    """Pack blobs, each of plain bytes under the name of others, compressed; judge the pack."""
    master, store, builder = MasterKey.generate(), MemoryStore(), PackBuilder(BlobKind.DATA)
    for data, named in contents:
        sealed = master.seal(ZstdCompressor().compress(data))
        builder.add(SealedBlob(id=identify(named), sealed=sealed, uncompressed_length=len(data)))
    pack = builder.finish(master)
    store.put(pack_key(pack.id), bytes(pack.content))
    return pack, PackJudge(store).judge(master, pack.id)


def test_a_sound_pack_is_told_by_its_header():
    pack, found = judge_pack([(b"one", b"one"), (b"two" * 1000, b"two" * 1000)])

    assert (found.fault, found.size) == ("", len(pack.content))
    assert found.header == hashlib.sha256(encode_header(pack.blobs)).digest()


def test_a_blob_under_a_wrong_name_among_sound_ones_is_a_fault():
    _, found = judge_pack([(b"one", b"one"), (b"two", b"three"), (b"four", b"four")])

    assert found.fault
    assert found.header == b""


def test_an_empty_compressed_blob_among_others_is_sound():
    _, found = judge_pack([(b"one", b"one"), (b"", b""), (b"two", b"two")])

    assert found.fault == ""
