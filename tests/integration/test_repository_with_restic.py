"""Stock restic as the witness: what we write it accepts, what it writes we read."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from backends.errors import RepositoryLocked, WrongPassword
from backends.objectstore.directory import DirectoryStore
from backends.repository.blob import open_blob
from backends.repository.index import Index
from backends.repository.keys import create_key, list_keys, remove_key
from backends.repository.lock import HeldLock, hold_lock, list_locks
from backends.repository.lockfile import encode_lock
from backends.repository.pack import load_header, pack_key
from backends.repository.repository import Repository
from backends.repository.scrypt import ScryptCost
from backends.repository.unpacked import ObjectKind, save_unpacked
from backends.repository.writer import RepositoryWriter, StoredFile
from backends.types import BlobId, BlobKind
from tests.parts.repository import PASSWORD
from tests.parts.restic import Restic

#: Cheap, but large enough for restic, which checks the parameters too.
COST = ScryptCost(n=1024, r=8, p=1)
NOON = "2026-05-01T12:00:00Z"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "repository"


@pytest.fixture
def ours(place: Path) -> Repository:
    """A new repository that we made."""
    return Repository.create(DirectoryStore(place, create=True), PASSWORD, cost=COST)


@pytest.fixture(scope="module", params=[1, 2], ids=["version 1", "version 2"])
def template(
    request: pytest.FixtureRequest, restic: Restic, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A new repository that restic made; to be copied, since restic takes seconds to make one."""
    place = tmp_path_factory.mktemp("template") / "repository"
    restic(str(place), PASSWORD, "init", "--repository-version", str(request.param))
    return place


@pytest.fixture
def theirs(template: Path, place: Path) -> Repository:
    """A new repository that restic made, opened by us."""
    shutil.copytree(template, place)
    return Repository.open(DirectoryStore(place), PASSWORD)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of all sizes: empty, small, one piece, many pieces, text, noise, zeros."""
    folder = tmp_path / "source"
    folder.mkdir()
    contents = {
        "empty": b"",
        "small": b"hello\n",
        "text": b"the same line again\n" * 20_000,
        "noise": os.urandom(3 << 20),
        "zeros": bytes(20 << 20),
        "mixed": os.urandom(5 << 20) + bytes(5 << 20) + os.urandom(1 << 20),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    for number in range(200):
        (folder / f"many {number}").write_bytes(os.urandom(number * 7))
    return folder


def node(path: Path, stored: StoredFile) -> dict[str, object]:
    """A file's node, as sparse as restic accepts."""
    return {
        "name": path.name,
        "type": "file",
        "mode": 0o644,
        "mtime": NOON,
        "uid": os.getuid(),
        "gid": os.getgid(),
        "size": stored.size,
        "content": [blob.hex() for blob in stored.blobs],
    }


def save_snapshot(repository: Repository, tree: BlobId) -> str:
    fields = {"time": NOON, "tree": tree.hex(), "paths": ["/source"], "hostname": "h"}
    return save_unpacked(repository, ObjectKind.SNAPSHOT, json.dumps(fields).encode())


def save_folder(repository: Repository, folder: Path, **options: object) -> str:
    """A repository snapshot of a flat folder; returns its id."""
    with RepositoryWriter(repository, repository.load_index(), **options) as writer:
        nodes = []
        for path in sorted(folder.iterdir()):
            with path.open("rb", buffering=0) as stream:
                nodes.append(node(path, writer.save_file(stream)))
        document = json.dumps({"nodes": nodes}, separators=(",", ":")).encode() + b"\n"
        tree = writer.save_blob(BlobKind.TREE, document)
    return save_snapshot(repository, tree)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def load_all(repository: Repository, index: Index) -> int:
    """Open every blob that the index lists, by the packs' own headers; how many there are."""
    count = 0
    for pack in index.packs():
        content = repository.store.get(pack_key(pack.pack))
        header = load_header(repository.store, repository.master, pack.pack, len(content))
        assert tuple(header) == pack.blobs
        for blob in header:
            sealed = content[blob.offset : blob.offset + blob.length]
            open_blob(repository.master, sealed, blob.uncompressed_length, blob.id)
            count += 1
    return count


def test_restic_accepts_a_new_repository_of_ours(restic, ours, place):
    config = restic.documents(str(place), PASSWORD, "cat", "config")

    assert (config["id"], config["version"]) == (ours.id, 2)
    assert "no errors" in restic(str(place), PASSWORD, "check", "--read-data")
    (listed,) = restic.documents(str(place), PASSWORD, "key", "list")
    assert ours.key_id.startswith(listed["id"])
    assert listed["current"]


def test_restic_restores_what_we_stored(restic, ours, place, folder, tmp_path):
    snapshot = save_folder(ours, folder, pack_target=4 << 20)

    assert "no errors" in restic(str(place), PASSWORD, "check", "--read-data")
    restic(str(place), PASSWORD, "restore", snapshot, "--target", str(tmp_path / "restored"))
    assert contents(tmp_path / "restored") == contents(folder)


def test_restic_restores_what_we_stored_in_a_repository_of_its_own(
    restic, theirs, place, folder, tmp_path
):
    snapshot = save_folder(theirs, folder)

    assert "no errors" in restic(str(place), PASSWORD, "check", "--read-data")
    restic(str(place), PASSWORD, "restore", snapshot, "--target", str(tmp_path / "restored"))
    assert contents(tmp_path / "restored") == contents(folder)


def test_we_read_every_blob_that_restic_stored(restic, theirs, place, folder):
    restic(str(place), PASSWORD, "backup", str(folder))

    assert load_all(theirs, theirs.load_index()) > 200


def test_what_restic_stored_is_not_stored_again(restic, theirs, place, folder):
    restic(str(place), PASSWORD, "backup", str(folder))

    with RepositoryWriter(theirs, theirs.load_index()) as writer:
        for number in range(1, 200):
            with (folder / f"many {number}").open("rb", buffering=0) as stream:
                writer.save_file(stream)

    assert writer.totals.new_blobs == 0


def test_restic_goes_on_in_a_repository_of_ours(restic, ours, place, folder):
    save_folder(ours, folder)
    before = len(ours.load_index())

    restic(str(place), PASSWORD, "backup", str(folder / "small"), str(folder / "text"))

    assert load_all(ours, ours.load_index()) > before
    assert "no errors" in restic(str(place), PASSWORD, "check", "--read-data")


def test_we_read_the_index_that_prune_rewrote(restic, ours, place, folder):
    url = str(place)
    restic(url, PASSWORD, "backup", str(folder))
    (folder / "noise").unlink()
    restic(url, PASSWORD, "backup", str(folder))
    restic(url, PASSWORD, "forget", "--keep-last", "1", "--prune", "--max-unused", "0")

    index = ours.load_index()

    assert load_all(ours, index) == len(index)


def test_what_we_store_is_not_larger_than_what_restic_stores(restic, tmp_path, folder):
    sizes = []
    for name, store in (("ours", save_folder), ("theirs", None)):
        place = tmp_path / name
        repository = Repository.create(DirectoryStore(place, create=True), PASSWORD, cost=COST)
        if store:
            store(repository, folder)
        else:
            restic(str(place), PASSWORD, "backup", str(folder))
        sizes.append(sum(info.size for info in repository.store.list("data/")))

    assert sizes[0] < sizes[1] * 1.03


def test_restic_opens_with_a_password_that_we_added(restic, ours, place):
    create_key(ours.store, ours.master, "second", cost=COST)

    assert restic.documents(str(place), "second", "snapshots") == []
    assert len(restic.documents(str(place), "second", "key", "list")) == 2


def test_we_open_with_a_password_that_restic_added(restic, ours, place, tmp_path):
    word = tmp_path / "word"
    word.write_text("second\n")
    restic(str(place), PASSWORD, "key", "add", "--new-password-file", str(word))

    again = Repository.open(ours.store, "second")

    assert (again.id, again.master) == (ours.id, ours.master)
    assert len(list_keys(ours.store)) == 2


def test_a_password_that_one_removed_opens_for_neither(restic, ours, place):
    create_key(ours.store, ours.master, "second", cost=COST)
    second = Repository.open(ours.store, "second")
    third = create_key(ours.store, ours.master, "third", cost=COST)

    restic(str(place), PASSWORD, "key", "remove", second.key_id)
    remove_key(ours.store, third, in_use=ours.key_id)

    for word in ("second", "third"):
        with pytest.raises(WrongPassword):
            Repository.open(ours.store, word)
        assert restic.attempt(str(place), word, "snapshots").returncode != 0
    assert restic(str(place), PASSWORD, "snapshots") is not None


def test_restic_waits_outside_while_we_hold_an_exclusive_lock(restic, ours, place, folder):
    with hold_lock(ours, exclusive=True):
        refused = restic.attempt(str(place), PASSWORD, "backup", str(folder))
        # It sends us a SIGHUP to see whether we live, and must leave our lock alone.
        restic(str(place), PASSWORD, "unlock")
        assert len(list_locks(ours)) == 1

    assert refused.returncode != 0
    assert f"PID {os.getpid()}" in refused.stderr
    restic(str(place), PASSWORD, "backup", str(folder))


def test_restic_backs_up_but_does_not_prune_while_we_hold_a_shared_lock(
    restic, ours, place, folder
):
    with hold_lock(ours):
        restic(str(place), PASSWORD, "backup", str(folder))
        refused = restic.attempt(str(place), PASSWORD, "prune")

    assert refused.returncode != 0
    assert "already locked" in refused.stderr


def test_restic_reads_what_our_lock_says(restic, ours, place):
    with hold_lock(ours) as held:
        said = restic.documents(str(place), PASSWORD, "--no-lock", "cat", "lock", held.id)

    assert said["pid"] == os.getpid()
    assert said["exclusive"] is False


def exclusive(repository: Repository) -> AbstractContextManager[HeldLock]:
    return hold_lock(repository, exclusive=True)


Start = Callable[..., "subprocess.Popen[bytes]"]


def start_backup(start_restic: Start, place: Path, repository: Repository) -> subprocess.Popen:
    """A restic backup that waits for its standard input, holding its lock."""
    process = start_restic(str(place), PASSWORD, "backup", "--stdin")
    for _ in range(3000):
        if list_locks(repository) or process.poll() is not None:
            break
        time.sleep(0.01)
    return process


def test_we_stay_out_as_long_as_restic_needs(start_restic, ours, place):
    backup = start_backup(start_restic, place, ours)

    with hold_lock(ours):
        assert len(list_locks(ours)) == 2
    with pytest.raises(RepositoryLocked, match=f"process {backup.pid}"), exclusive(ours):
        pytest.fail("locked all the same")

    backup.communicate(b"the end", timeout=60)
    with exclusive(ours):
        assert len(list_locks(ours)) == 1


def test_a_lock_that_a_killed_restic_left_behind_is_removed(start_restic, ours, place):
    backup = start_backup(start_restic, place, ours)
    backup.kill()
    backup.wait(60)
    assert len(list_locks(ours)) == 1

    with exclusive(ours) as held:
        assert [lock_id for lock_id, _ in list_locks(ours)] == [held.id]


def test_restic_removes_a_lock_that_a_killed_program_of_ours_left(restic, ours, place):
    ended = subprocess.Popen(["true"])
    ended.wait()
    with hold_lock(ours):
        ((_, held),) = list_locks(ours)
    save_unpacked(ours, ObjectKind.LOCK, encode_lock(replace(held, pid=ended.pid)))

    restic(str(place), PASSWORD, "unlock")

    assert list_locks(ours) == ()
