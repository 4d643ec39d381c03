"""The folders beside the image: unfinished files, and the lock that keeps a second rsync out."""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backends.errors import LocalPathUnusable, TransferInterrupted
from backends.rsync.command import Scratch, normal_path

#: Name within the image of the folder of unfinished files, where it can be there.
WITHIN = ".lapseguard.incoming"
#: Seconds between two looks whether an rsync has ended.
_LOOK_INTERVAL = 0.05
#: Marks a file whose data was given back to the disk after it was stored.
VACATED = "user.rsync.%vacated"
#: rsync writes `name` as `name.XXXXXX`; names too long for that are cut short first.
_TEMPORARY = re.compile(r"(.+)\.[A-Za-z0-9]{6}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A staging folder that is ours alone while the claim is held.

    Attributes:
        scratch: The folders for rsync.
        incoming: The first of them, by its whole path.
        folder: Above it, if only by a link.
        since: When it began, by the clock of this file system, in nanoseconds.
        is_blank: Nothing was in staging.
        is_settled: No pull is known to have left anything undone there.
        lock: Open file that every process of rsync must inherit: the lock then lasts until the
            last of them is gone, even where this program was killed before them.
    """

    scratch: Scratch
    incoming: Path
    folder: Path
    lock: int
    since: int
    is_blank: bool
    is_settled: bool


def incoming_folder(staging: bytes) -> bytes:
    """Where a pull into `staging` writes the files that are not complete."""
    return staging.rstrip(b"/") + b"~pull/incoming"


def partial_folder(incoming: bytes) -> bytes:
    """Where rsync puts such a file aside when the pull is cut."""
    return os.path.dirname(incoming) + b"/partial"  # noqa: PTH120 - raw bytes


def name_of_temporary(name: bytes) -> bytes:
    """What a file in that folder is going to be called, as far as its own name tells."""
    found = _TEMPORARY.fullmatch(os.fsdecode(name))
    return os.fsencode(found[1]) if found else name


@contextmanager
def claim_staging(staging: str, paths: Iterable[str] = ("/",)) -> Iterator[Claim]:
    """Create staging and its scratch folder `<staging>~pull`, and lock them.

    rsync opens the folder of unfinished files anew four times for each file, from the root down,
    one part of its path after the other. So it has a short name within the image where nothing
    of the server can have that name, and `<staging>~pull/incoming` is a link to it then.

    Args:
        staging: The image.
        paths: What is to be pulled into it.

    Raises:
        TransferInterrupted: another rsync still writes there.
        LocalPathUnusable: the folders cannot be made.
    """
    incoming = Path(os.fsdecode(incoming_folder(os.fsencode(staging))))
    folder = incoming.parent
    partial = folder / "partial"
    try:
        for path in (Path(staging), folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(_lock_file(Path(staging)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(staging, error) from error
    try:
        _lock(lock, staging)
        claim = _begin(Path(staging), incoming, partial, paths, lock)
        try:
            yield claim
        finally:
            _tidy(incoming)
    finally:
        os.close(lock)


def await_orphan(staging: str, patience: float) -> bool:
    """Wait until the rsync of a run that was killed has ended; it notices with its next line.

    Args:
        staging: The image.
        patience: Seconds for which it is waited for.

    Returns:
        Whether nobody writes there any more.
    """
    end = time.monotonic() + patience
    try:
        lock = os.open(_lock_file(Path(staging)), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        while not _is_free(lock):
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK_INTERVAL)
    finally:
        os.close(lock)
    return True


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
    for folder in (claim.incoming.resolve(), Path(claim.scratch.partial)):
        shutil.rmtree(folder, ignore_errors=True)
    if claim.incoming.is_symlink():
        claim.incoming.unlink()


def _begin(image: Path, incoming: Path, partial: Path, paths: Iterable[str], lock: int) -> Claim:
    """Make both folders, without what a killed rsync left in the first."""
    try:
        with os.scandir(image) as entries:
            is_blank = next(entries, None) is None
        is_settled = not partial.exists()
        partial.mkdir(mode=0o700, exist_ok=True)
        if incoming.exists():
            keep_unfinished(incoming, partial)
        place = _make_incoming(incoming, image / WITHIN, paths)
        since = incoming.stat().st_ctime_ns
    except OSError as error:
        raise _unusable(str(image), error) from error
    return Claim(
        scratch=Scratch(incoming=place, partial=str(partial)),
        incoming=incoming,
        folder=incoming.parent,
        lock=lock,
        since=since,
        is_blank=is_blank,
        is_settled=is_settled,
    )


def _make_incoming(incoming: Path, within: Path, paths: Iterable[str]) -> str:
    """Make the folder, empty as it is; returns its name for rsync."""
    _remove(incoming)
    _remove(within)
    firsts = {normal_path(path).split("/")[1] for path in paths}
    if firsts & {"", WITHIN}:
        incoming.mkdir(mode=0o700)
        return str(incoming)
    within.mkdir(mode=0o700)
    incoming.symlink_to(f"../{within.parent.name}/{WITHIN}")
    return WITHIN


def _tidy(incoming: Path) -> None:
    """Leave nothing of ours in the image, unless a file is unfinished."""
    # Safe to leave: it is looked through when it is claimed again.
    with suppress(OSError):
        if incoming.is_symlink():
            incoming.resolve().rmdir()
            incoming.unlink()


def _remove(path: Path) -> None:
    """Whatever it is; it may be what a server once had there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unusable(staging: str, error: OSError) -> LocalPathUnusable:
    return LocalPathUnusable(
        f"The staging folder {staging} cannot be used: {error.strerror}",
        hint="Make the state folder writable for the user that runs Lapseguard.",
    )


def _lock_file(staging: Path) -> Path:
    return Path(f"{staging}~pull", "lock")


def _lock(lock: int, staging: str) -> None:
    if not _is_free(lock):
        raise TransferInterrupted(
            f"Another rsync is still writing to {staging}",
            hint="It ends by itself when its connection does; the next attempt continues.",
        )


def _is_free(lock: int) -> bool:
    """Whether nobody had the lock; we have it then."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
