"""The folders beside the image: unfinished files, and the lock that keeps a second rsync out."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backends.errors import LocalPathUnusable, TransferInterrupted
from backends.rsync.command import Scratch

#: Marks a file whose data was given back to the disk after it was stored.
VACATED = "user.rsync.%vacated"
#: rsync writes `name` as `name.XXXXXX`; names too long for that are cut short first.
_TEMPORARY = re.compile(r"(.+)\.[A-Za-z0-9]{6}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A staging folder that is ours alone while the claim is held.

    Attributes:
        scratch: The folders for rsync.
        folder: Above them.
        lock: Open file that every process of rsync must inherit: the lock then lasts until the
            last of them is gone, even where this program was killed before them.
    """

    scratch: Scratch
    folder: Path
    lock: int


def incoming_folder(staging: bytes) -> bytes:
    """Where a pull into `staging` writes the files that are not complete."""
    return staging.rstrip(b"/") + b"~pull/incoming"


def name_of_temporary(name: bytes) -> bytes:
    """What a file in that folder is going to be called, as far as its own name tells."""
    found = _TEMPORARY.fullmatch(os.fsdecode(name))
    return os.fsencode(found[1]) if found else name


@contextmanager
def claim_staging(staging: str) -> Iterator[Claim]:
    """Create staging and its scratch folder `<staging>~pull`, and lock them.

    Raises:
        TransferInterrupted: another rsync still writes there.
        LocalPathUnusable: the folders cannot be made.
    """
    incoming = Path(os.fsdecode(incoming_folder(os.fsencode(staging))))
    folder = incoming.parent
    partial = folder / "partial"
    try:
        for path in (Path(staging), folder, incoming, partial):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LocalPathUnusable(
            f"The staging folder {staging} cannot be used: {error.strerror}",
            hint="Make the state folder writable for the user that runs Lapseguard.",
        ) from error
    try:
        _lock(lock, staging)
        keep_unfinished(incoming, partial)
        scratch = Scratch(incoming=str(incoming), partial=str(partial))
        yield Claim(scratch=scratch, folder=folder, lock=lock)
    finally:
        os.close(lock)


def keep_unfinished(incoming: Path, partial: Path) -> None:
    """Turn what a killed rsync left behind into partial files, which rsync continues from.

    A cut name or a wrong guess does no harm: it is never asked for, or rsync finds that the
    checksum differs and fetches what is wrong.
    """
    for path in incoming.iterdir():
        found = _TEMPORARY.fullmatch(path.name)
        if found and _size(path) > _size(partial / found[1]):
            path.replace(partial / found[1])
        else:
            path.unlink()


def forget_vacated(claim: Claim) -> None:
    """Remove partial files whose data is gone: rsync would go on writing in the midst of them."""
    for path in Path(claim.scratch.partial).iterdir():
        if path.is_file() and VACATED in os.listxattr(path):
            path.unlink()


def forget_unfinished(claim: Claim) -> None:
    """Everything arrived: what is left belongs to files that the server has no more."""
    for folder in (claim.scratch.incoming, claim.scratch.partial):
        shutil.rmtree(folder, ignore_errors=True)


def _lock(lock: int, staging: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TransferInterrupted(
            f"Another rsync is still writing to {staging}",
            hint="It ends by itself when its connection does; the next attempt continues.",
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
