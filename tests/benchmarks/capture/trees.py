"""What is saved: many small files, two large ones, and the change of a hundredth of either."""

import multiprocessing
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MIB = 1 << 20
#: Fewer regular files than this are no stand-in for a server's `/usr/share`.
_ENOUGH = 20_000
_FILES = 48_000
_SMALL_BYTES = 560_000_000
_LARGE_BYTES = 1_300_000_000
_CHANGED = 100
_PAGE = 4096
#: Of 13 letters on average, so that they fill a MiB for certain.
_WORDS = 85_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A folder to save.

    Attributes:
        name: For tables.
        path: Of the folder.
        files: Regular files in it.
        bytes: Of all of them.
    """

    name: str
    path: Path
    files: int
    bytes: int


def make_small(folder: Path, share: float = 1.0, source: Path | None = None) -> Tree:
    """A copy of `/usr/share` or `source`, or of every so many-th file of it; else made-up files.

    Above 1, further copies are added, each with a line of its own before every file, so that
    nothing repeats.
    """
    source = source or Path("/usr/share")
    if _count(source)[0] < _ENOUGH:
        _apart(_invent, folder, share)
    else:
        _apart(_copy, source, folder, share)
    return _tree("small files", folder)


def make_large(folder: Path, share: float = 1.0) -> Tree:
    """Two files of one size: noise, and text."""
    _apart(_fill, folder, int(_LARGE_BYTES * share))
    return _tree("large files", folder)


def change(tree: Tree, seed: int) -> None:
    """Write a hundredth anew: of many files a hundredth of them, of few a hundredth of each."""
    chance = random.Random(seed)  # noqa: S311 - repeatable test data
    files = [path for path in _files(tree.path) if not path.is_symlink()]
    if len(files) < _CHANGED:
        for path in files:
            _change_pages(path, chance)
        return
    for path in chance.sample(files, len(files) // _CHANGED):
        with path.open("r+b") as file:
            file.write(b"%x" % chance.getrandbits(64))


def _change_pages(path: Path, chance: random.Random) -> None:
    """In stretches of a MiB here and there, as a database does."""
    size = path.stat().st_size
    stretch = min(MIB, max(_PAGE, size // _CHANGED))
    with path.open("r+b") as file:
        for _ in range(max(1, size // _CHANGED // stretch)):
            file.seek(chance.randrange(max(1, size - stretch)))
            file.write(chance.randbytes(stretch))


def _apart(content: Callable[..., None], *arguments: object) -> None:
    """In another process: a child's peak memory begins with that of its parent."""
    process = multiprocessing.get_context("spawn").Process(target=content, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{content.__name__} failed")


def _copy(source: Path, folder: Path, share: float) -> None:
    for number in range(max(1, round(share))):
        target = folder / str(number) if share > 1 else folder
        step = max(1, round(1 / share))
        taken = (path for at, path in enumerate(_files(source)) if at % step == 0)
        for path in taken:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if number and not path.is_symlink():
                copy.write_bytes(b"%d\n" % number + path.read_bytes())
            else:
                shutil.copy2(path, copy, follow_symlinks=False)


def _invent(folder: Path, share: float) -> None:
    chance = random.Random(1)  # noqa: S311 - repeatable test data
    words = [chance.randbytes(chance.randint(2, 6)).hex().encode() for _ in range(4096)]
    for number in range(int(_FILES * share)):
        path = folder / str(number // 100) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = min(int(chance.lognormvariate(8.2, 1.5)), 40 * _SMALL_BYTES // _FILES)
        path.write_bytes(b" ".join(chance.choices(words, k=size // 9 + 1)))


def _fill(folder: Path, size: int) -> None:
    folder.mkdir(parents=True)
    chance = random.Random(2)  # noqa: S311 - repeatable test data
    words = [chance.randbytes(chance.randint(3, 9)).hex().encode() for _ in range(4096)]
    fresh = min(size, _LARGE_BYTES) // 2 // MIB
    with (folder / "noise.bin").open("w+b") as noise, (folder / "text.log").open("w+b") as text:
        for _ in range(fresh):
            noise.write(chance.randbytes(MIB))
            text.write(b" ".join(chance.choices(words, k=_WORDS))[:MIB])
        for file in (noise, text):
            _prolong(file, fresh * MIB, size // 2 // MIB * MIB)


def _prolong(file: BinaryIO, fresh: int, size: int) -> None:
    """Add what is there already in other letters: as hard to compress, and no chunk repeats."""
    for start in range(fresh, size, MIB):
        step = start // fresh
        table = bytes((byte + step) % 256 for byte in range(256))
        file.seek(start % fresh)
        content = file.read(MIB).translate(table)
        file.seek(start)
        file.write(content)


def _files(folder: Path) -> list[Path]:
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if path.is_symlink() or path.is_file())


def _count(folder: Path) -> tuple[int, int]:
    sizes = [path.lstat().st_size for path in _files(folder) if not path.is_symlink()]
    return len(sizes), sum(sizes)


def _tree(name: str, folder: Path) -> Tree:
    files, size = _count(folder)
    return Tree(name=name, path=folder, files=files, bytes=size)
