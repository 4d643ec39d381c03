"""zstd, with one context a thread and a bound on what a frame may unfold to."""

import threading
from typing import Final, Protocol

import zstandard

from backends.errors import RepositoryDamaged
from backends.repository.crypto import Buffer

#: Speed and ratio near those of stock restic's default.
DEFAULT_LEVEL: Final = 3


class Compressor(Protocol):
    """Makes a zstd frame that states its content's size; safe to use from several threads."""

    def compress(self, data: Buffer) -> bytes:
        """One frame, which may be longer than `data`."""


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
