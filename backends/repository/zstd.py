"""zstd, with one context a thread and a bound on what a frame may unfold to."""

import threading
from array import array
from typing import Final, Protocol

import zstandard

from backends.errors import RepositoryDamaged
from backends.repository.crypto import Buffer

#: Stores as much as stock restic's default does, to one or two per cent, and costs a third less
#: than level 3. What does not compress goes through at memory speed, so that no trial is needed.
DEFAULT_LEVEL: Final = 2


class Compressor(Protocol):
    """Makes a zstd frame that states its content's size; safe to use from several threads."""

    def compress(self, data: Buffer) -> bytes:
        """One frame, which may be longer than `data`."""

    def compress_many(self, data: list[bytes]) -> list[bytes]:
        """A frame for each; other threads run all the while."""


class _Compressors(threading.local):
    def __init__(self, level: int) -> None:
        self.context = zstandard.ZstdCompressor(level=level, write_checksum=False)


class _Decompressors(threading.local):
    def __init__(self) -> None:
        self.context = zstandard.ZstdDecompressor()


_decompressors = _Decompressors()


class ZstdCompressor:
    """The compressor that everything but a test uses."""

    def __init__(self, level: int = DEFAULT_LEVEL) -> None:
        self._compressors = _Compressors(level)

    def compress(self, data: Buffer) -> bytes:
        """See `Compressor`; frames carry no checksum, the blob's own is stronger."""
        return self._compressors.context.compress(data)

    def compress_many(self, data: list[bytes]) -> list[bytes]:
        """See `Compressor`."""
        if not any(data):
            return [self.compress(b"") for _ in data]  # the library refuses to do nothing
        compress = self._compressors.context.multi_compress_to_buffer
        frames = compress(data)  # type: ignore[arg-type] # declared with an invariant list
        return [frames[number].tobytes() for number in range(len(frames))]


def decompress(frame: Buffer, *, most: int) -> bytes:
    """The content of the one frame.

    Args:
        frame: Untrusted.
        most: Bytes that the content may have.

    Raises:
        RepositoryDamaged: not a whole frame, or its content is larger.
    """
    try:
        stated = zstandard.frame_content_size(frame)
        if stated > most:
            raise RepositoryDamaged(f"Compressed data would unfold to {stated} bytes.")
        return _decompressors.context.decompress(
            frame, max_output_size=most, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise RepositoryDamaged("Compressed data does not decompress.") from error


def decompress_many(frames: list[bytes], lengths: list[int]) -> list[bytes]:
    """The contents of frames made here, whose lengths are known; other threads run meanwhile.

    Raises:
        RepositoryDamaged: a frame is not whole, or has another length.
    """
    if not frames:
        return []  # the library divides by their number
    sizes = array("Q", lengths).tobytes()
    try:
        contents = _decompressors.context.multi_decompress_to_buffer(
            frames,  # type: ignore[arg-type] # declared with an invariant list
            decompressed_sizes=sizes,
        )
    except zstandard.ZstdError as error:
        raise RepositoryDamaged("Compressed data does not decompress.") from error
    return [contents[number].tobytes() for number in range(len(contents))]
