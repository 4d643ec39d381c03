"""A directory store on a real file system: what is on the disk, and what a crash leaves."""

import fcntl
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.errors import (
    BucketMissing,
    KeyInvalid,
    ObjectMissing,
    StoreError,
    StoreFull,
    StoreRefused,
)
from backends.objectstore.directory import DirectoryStore
from backends.objectstore.keys import UNFINISHED
from tests.parts.requirement import require_program

BODY = os.urandom(50_000)
PUT_ONE = """
import sys
from pathlib import Path
from backends.objectstore.directory import DirectoryStore
DirectoryStore(Path(sys.argv[1])).put("data/ab/object", b"body" * 1000)
"""
PUT_FOREVER = """
import sys
from itertools import count
from pathlib import Path
from backends.objectstore.directory import DirectoryStore
store = DirectoryStore(Path(sys.argv[1]))
print("ready", flush=True)
for number in count():
    store.put(f"data/{number % 5}", bytes([number % 256]) * 3_000_000)
"""


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store", create=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def small_files() -> Iterator[None]:
    """The system lets this process write no file beyond 100 kB, as a full quota would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def unfinished(root: Path) -> list[Path]:
    return list(root.rglob(f"*{UNFINISHED}"))


def test_others_on_the_machine_see_nothing(store: DirectoryStore, root: Path) -> None:
    """Folders are 0700 and files 0600 under the most generous umask."""
    before = os.umask(0)
    try:
        store.put("data/ab/object", BODY)
    finally:
        os.umask(before)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert modes == {"data": 0o700, "ab": 0o700, "object": 0o600}
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_a_put_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    """File synced, then renamed, then its folder synced; new folders are synced as well."""
    strace = require_program("strace", "strace")
    root, log = tmp_path / "store", tmp_path / "calls"
    root.mkdir()
    calls = "trace=mkdir,fsync,rename"
    subprocess.run(
        [strace, "-f", "-y", "-e", calls, "-o", log, sys.executable, "-c", PUT_ONE, root],
        check=True,
    )

    seen = [
        re.sub(r"^\d+ +(\w+)\(.*", r"\1", line) + (" file" if UNFINISHED in line else " folder")
        for line in log.read_text().splitlines()
        if str(root) in line
    ]
    assert seen[-3:] == ["fsync file", "rename file", "fsync folder"]
    assert seen.count("fsync folder") == seen.count("mkdir folder") + 1


def test_what_a_crash_left_is_never_listed_and_swept(store: DirectoryStore, root: Path) -> None:
    """An unfinished file without a writer disappears with the next listing."""
    store.put("data/ab/object", BODY)
    left = root / "data" / "ab" / f".0123{UNFINISHED}"
    left.write_bytes(b"half")

    assert [info.key for info in store.list("data/")] == ["data/ab/object"]
    assert not left.exists()


def test_what_is_being_written_is_not_swept(store: DirectoryStore, root: Path) -> None:
    """While its writer lives an unfinished file stays, unlisted."""
    store.put("data/object", BODY)
    alive = root / "data" / f".4567{UNFINISHED}"
    with alive.open("wb") as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)

        assert [info.key for info in store.list("")] == ["data/object"]
        assert alive.exists()


def test_a_killed_writer_leaves_whole_objects(store: DirectoryStore, root: Path) -> None:
    """Killed at any moment: each object is all of one body, and the litter goes."""
    for round_number in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", PUT_FOREVER, root], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(0.01 + 0.013 * round_number)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()

        for info in store.list(""):
            data = store.get(info.key)
            assert (len(data), len(set(data))) == (3_000_000, 1)
        assert unfinished(root) == []


def test_a_full_disk_is_told_and_leaves_the_old_object(
    store: DirectoryStore, root: Path, small_files: None
) -> None:
    """No room: the error says so, nothing half-written stays, the old body is untouched."""
    store.put("config", BODY)

    with pytest.raises(StoreFull):
        store.put("config", BODY * 10)

    assert store.get("config") == BODY
    assert unfinished(root) == []


def test_a_place_that_refuses_writing_is_told() -> None:
    """Even root may not make files in /sys."""
    with pytest.raises(StoreRefused) as caught:
        DirectoryStore(Path("/sys")).put("lapseguard", b"")

    assert "permissions" in caught.value.hint


def test_a_vanished_root_is_not_made_again(store: DirectoryStore, root: Path) -> None:
    """An unmounted disk is noticed instead of filling the disk below its mount point."""
    store.put("config", BODY)
    root.rename(root.with_name("elsewhere"))

    for attempt in (
        lambda: store.put("config", BODY),
        lambda: store.get("config"),
        lambda: store.stat("config"),
        lambda: store.delete("config"),
        lambda: list(store.list("")),
    ):
        with pytest.raises(BucketMissing):
            attempt()
    assert not root.exists()


def test_a_missing_parent_is_told(tmp_path: Path) -> None:
    """`create` makes the last folder only: no tree for a slip, none below an absent disk."""
    with pytest.raises(BucketMissing, match="tpyo"):
        DirectoryStore(tmp_path / "tpyo" / "store", create=True)

    assert not (tmp_path / "tpyo").exists()


def test_a_name_that_is_taken_is_told(store: DirectoryStore) -> None:
    """A folder cannot be replaced by an object, nor an object by a folder."""
    store.put("data/object", BODY)

    for key in ("data", "data/object/below"):
        with pytest.raises(StoreError) as caught:
            store.put(key, b"")
        assert "move it away" in caught.value.hint
    assert store.get("data/object") == BODY


def test_foreign_names_are_not_passed_on(store: DirectoryStore, root: Path) -> None:
    """A name we could not have written is an error that names it, not an object."""
    (root / "caf\N{LATIN SMALL LETTER E WITH ACUTE}").write_bytes(b"")

    with pytest.raises(KeyInvalid, match="caf"):
        list(store.list(""))


def test_empty_folders_and_links_are_as_the_objects_in_them(
    store: DirectoryStore, root: Path, tmp_path: Path
) -> None:
    """A folder moved to a bigger disk by a symbolic link still counts; an empty one does not."""
    (tmp_path / "bigger" / "ab").mkdir(parents=True)
    (tmp_path / "bigger" / "empty").mkdir()
    (root / "data").symlink_to(tmp_path / "bigger")
    store.put("data/ab/object", BODY)

    assert [info.key for info in store.list("")] == ["data/ab/object"]
    assert (tmp_path / "bigger" / "ab" / "object").read_bytes() == BODY
    with pytest.raises(ObjectMissing):
        store.stat("data/empty")


def test_a_loop_of_links_ends_in_an_error(store: DirectoryStore, root: Path) -> None:
    """A listing that cannot end is not waited for."""
    (root / "data").mkdir()
    (root / "data" / "again").symlink_to(root / "data")

    with pytest.raises(StoreError):
        list(store.list(""))
