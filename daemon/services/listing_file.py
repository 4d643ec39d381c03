"""The text of a SHA256SUMS listing, kept beside the staging image for the next run.

    <root>/listing-<sha256>.zst    the whole listing, named by the digest of its text

It is no record, only quicker than walking the trees: where it is gone or damaged, the text is made
from them again. So nothing is waited for to be on disk, and a full disk ends no run.
"""

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import zstandard

from daemon.errors import ManifestInvalid

_PREFIX: Final = "listing-"
_UNFINISHED: Final = ".new"
#: Of digests next to nothing can be spared, and it is overwritten soon.
_LEVEL: Final = 1
#: Bytes of text that are unpacked at a time.
_PART: Final = 1 << 18


class ListingFile:
    """Takes the text of a listing; tells its digest, and keeps it where that is possible.

    Args:
        folder: The staging root.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digest = hashlib.sha256()
        self._packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
        self._file: IO[bytes] | None = None
        self._is_kept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._give_up()

    def write(self, text: bytes) -> None:
        """The next part."""
        self._digest.update(text)
        self._keep(self._packer.compress(text))

    def finish(self) -> str:
        """The digest of all parts, in hex; nothing may be written afterwards."""
        sha256 = self._digest.hexdigest()
        self._keep(self._packer.flush())
        if self._file is None:
            return sha256
        try:
            self._file.close()
            os.replace(self._file.name, _place(self._folder, sha256))  # noqa: PTH105 - a name
        except OSError:
            self._give_up()
        self._file = None
        return sha256

    def _keep(self, packed: bytes) -> None:
        if not self._is_kept:
            return
        try:
            if self._file is None:
                # Closed by `finish`, or by whoever leaves the context.
                self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - see above
                    dir=self._folder, prefix=_PREFIX, suffix=_UNFINISHED, delete=False
                )
            self._file.write(packed)
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        # Safe: see above; the digest is still told.
        self._is_kept = False
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                Path(file.name).unlink()


def read_kept(folder: Path, sha256: str) -> Iterator[bytes] | None:
    """The text of that digest, part by part; None where it is not kept.

    The iterator raises ManifestInvalid, at the latest behind the last part, where the text is
    another one.
    """
    try:
        file = _place(folder, sha256).open("rb")
    except OSError:
        return None
    return verify_text(_unpack_file(file), sha256)


def verify_text(parts: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    """The same parts; raises ManifestInvalid behind the last one where they have another digest."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        yield part
    if digest.hexdigest() != sha256:
        raise ManifestInvalid("The listing of checksums is not the one that was recorded.")


def unpack(source: bytes | IO[bytes]) -> Iterator[bytes]:
    """What a compressed listing holds, part by part. Raises ManifestInvalid: it is not zstd."""
    try:
        reader = zstandard.ZstdDecompressor().stream_reader(source)
        while part := reader.read(_PART):
            yield part
    except zstandard.ZstdError as error:
        raise ManifestInvalid(f"The listing of checksums cannot be unpacked: {error}.") from error


def forget_kept(folder: Path, keep: Collection[str], *, unfinished: bool = False) -> None:
    """Remove the texts of all but these digests; `unfinished`: also what was never finished."""
    names = {_place(folder, sha256).name for sha256 in keep}
    with suppress(OSError):
        for place in folder.glob(f"{_PREFIX}*"):
            if place.name not in names and (unfinished or place.suffix != _UNFINISHED):
                place.unlink(missing_ok=True)


def _unpack_file(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        try:
            yield from unpack(file)
        except OSError as error:
            raise ManifestInvalid(f"The listing of checksums cannot be read: {error}.") from error


def _place(folder: Path, sha256: str) -> Path:
    return folder / f"{_PREFIX}{sha256}.zst"
