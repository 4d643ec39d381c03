"""The mark beside a staging image: which tree it is equal to.

    <root>/image.mark     written when a run has ended in order, removed before rsync writes again

While it is there nothing has been written to the image since, so what rsync then names is all
that differs from the tree. Whatever is in doubt (another folder, other paths, a damaged mark)
counts as no mark, and the image is walked as a whole.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from backends.capture.edition import ImageBase
from backends.errors import LocalPathUnusable
from backends.types import BlobId

_NAME = "image.mark"
#: Raised with the meaning of any field.
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMark:
    """What the image is.

    Attributes:
        repository: Id of the repository that has the tree.
        paths: What was asked for, absolute paths on the server.
        walked_at: When the image was last walked as a whole, seconds since 1970.
        base: The tree, and what is known of it.
    """

    repository: str
    paths: tuple[str, ...]
    walked_at: float
    base: ImageBase


def read_mark(root: Path) -> ImageMark | None:
    """The mark of a staging folder; None where there is none that can be relied upon."""
    try:
        row = orjson.loads((root / _NAME).read_bytes())
        return _decode(row) if row["version"] == _VERSION and _is_of(root, row) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Safe to pass over: without a mark the image is walked as a whole.
        return None


def write_mark(root: Path, mark: ImageMark) -> None:
    """Note that the image is what `mark` says; on disk when this returns.

    Raises:
        LocalPathUnusable: it cannot be written.
    """
    place = root / _NAME
    unfinished = place.with_suffix(".new")
    try:
        with open(unfinished, "wb", opener=_private) as file:
            file.write(orjson.dumps(_encode(root, mark)))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(place)
        _settle(root)
    except OSError as error:
        raise LocalPathUnusable(f"Cannot write {place}: {error.strerror}.") from error


def remove_mark(root: Path) -> None:
    """The image is about to change; the mark is gone from disk when this returns.

    Raises:
        LocalPathUnusable: it cannot be removed.
    """
    try:
        (root / _NAME).unlink()
        _settle(root)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LocalPathUnusable(f"Cannot remove {root / _NAME}: {error.strerror}.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _settle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _identity(root: Path) -> list[int]:
    """Tells this image from a copy of it, whose inodes are others."""
    stat = (root / "image").stat()
    return [stat.st_dev, stat.st_ino]


def _is_of(root: Path, row: dict[str, Any]) -> bool:
    return bool(row["image"] == _identity(root))


def _encode(root: Path, mark: ImageMark) -> dict[str, object]:
    base = mark.base
    return {
        "version": _VERSION,
        "image": _identity(root),
        "repository": mark.repository,
        "paths": mark.paths,
        "walked_at": mark.walked_at,
        "tree": base.tree.hex(),
        "files": base.files,
        "folders": base.folders,
        "others": base.others,
        "bytes": base.total_bytes,
        "packs": sorted(pack.hex() for pack in base.packs),
        # Names are bytes, and JSON has none: each byte becomes the character of its number.
        "links": [[path.decode("latin-1"), inode] for path, inode in base.links.items()],
    }


def _decode(row: dict[str, Any]) -> ImageMark:
    base = ImageBase(
        tree=BlobId(bytes.fromhex(row["tree"])),
        files=int(row["files"]),
        folders=int(row["folders"]),
        others=int(row["others"]),
        total_bytes=int(row["bytes"]),
        packs=frozenset(bytes.fromhex(pack) for pack in row["packs"]),
        links={path.encode("latin-1"): int(inode) for path, inode in row["links"]},
    )
    return ImageMark(
        repository=str(row["repository"]),
        paths=tuple(row["paths"]),
        walked_at=float(row["walked_at"]),
        base=base,
    )
