"""A program that changes two files together, over and over, for tests of frozen views."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: Writes 1, 2, 3 … into `journal`, then into `table`, each by renaming a file that was elsewhere:
#: one that came and went beside them would be missed by a pull, which then looks a second time.
_PROGRAM = """
import os, sys, time
number = 0
while True:
    number += 1
    for name in ("journal", "table"):
        fresh = os.path.join(sys.argv[2], "." + name)
        with open(fresh, "w") as file:
            file.write(str(number))
        os.replace(fresh, os.path.join(sys.argv[1], name))
        time.sleep(0.001)
"""


@contextmanager
def writing_pairs(folder: Path, scratch: Path | None = None) -> Iterator[Callable[[], None]]:
    """The program at work; the value waits until it has written once more.

    Args:
        folder: Where the two files are.
        scratch: Where each is made, on the same volume; in the folder itself unless told.
    """

    def wait() -> None:
        before = _read(folder / "table")
        while _read(folder / "table") == before:
            assert writer.poll() is None
            time.sleep(0.001)

    places = [str(folder), str(scratch or folder)]
    writer = subprocess.Popen([sys.executable, "-c", _PROGRAM, *places])
    try:
        wait()
        yield wait
    finally:
        writer.kill()
        writer.wait()


def is_of_one_moment(folder: Path) -> bool:
    """Whether a copy of both files shows a state that there was: the journal is ahead by one."""
    journal, table = (int((folder / name).read_text()) for name in ("journal", "table"))
    return table in {journal, journal - 1}


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
