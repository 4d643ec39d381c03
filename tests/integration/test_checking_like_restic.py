"""Broken repositories of stock restic's: our verdict is restic's, and ours names the culprit."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import pytest

from backends.repository.check import check_repository
from backends.repository.findings import Problem, ProblemKind
from backends.repository.index import Index, load_index_object
from backends.repository.pack import pack_key
from backends.repository.repository import Repository
from backends.repository.snapshot import find_snapshot, save_snapshot
from backends.repository.unpacked import ObjectKind, list_unpacked, load_unpacked, save_unpacked
from backends.repository.writer import RepositoryWriter
from backends.types import BlobId, BlobKind
from tests.parts.restic_repositories import ResticRepository

DATA, TREE = BlobKind.DATA, BlobKind.TREE


@pytest.fixture(scope="module", params=["version 1", "version 2"])
def sound(request, new_restic_repository, tmp_path_factory) -> ResticRepository:
    """Two snapshots of a small folder; the older one is forgotten, so that its data is unused."""
    repository = new_restic_repository(request.param)
    folder = tmp_path_factory.mktemp("source")
    (folder / "old").write_bytes(os.urandom(50_000))
    repository.run("backup", str(folder))
    (folder / "old").unlink()
    (folder / "below").mkdir()
    for number in range(20):
        (folder / f"text {number}").write_text(f"{number} and so on\n" * 500)
        (folder / "below" / f"noise {number}").write_bytes(os.urandom(20_000))
    repository.run("backup", str(folder))
    old = repository.open()
    first = min(find_all(old), key=lambda name: find_snapshot(old, name).time)
    repository.run("forget", first)
    return repository


def find_all(repository: Repository) -> tuple[str, ...]:
    return list_unpacked(repository, ObjectKind.SNAPSHOT)


@dataclass
class Broken:
    """A copy of the sound repository to be damaged."""

    files: ResticRepository

    def __post_init__(self) -> None:
        self.repository = self.files.open()
        self.index = self.repository.load_index()
        self.snapshot = find_snapshot(self.repository, "latest")

    def path(self, key: str) -> Path:
        path = self.files.place / key
        if path.exists():
            path.chmod(0o600)
        return path

    def used_pack(self, kind: BlobKind, blob: BlobId | None = None) -> bytes:
        """A pack with blobs that the snapshot needs."""
        if kind is TREE:
            return self.index.lookup(TREE, self.snapshot.tree)[0].pack
        return self.index.lookup(DATA, blob or self.used_blob())[0].pack

    def used_blob(self) -> BlobId:
        reader = self.files.reader()
        for walked in reader.walk(self.snapshot.tree):
            if walked.node.name == b"noise 7":
                return walked.node.content[0]
        raise AssertionError

    def unused_pack(self) -> bytes:
        """The pack with the file that only the forgotten snapshot had."""
        return next(
            pack.pack for pack in self.index.packs() if [b.kind for b in pack.blobs] == [DATA]
        )

    def flip(self, pack: bytes, position: int) -> None:
        path = self.path(pack_key(pack))
        content = bytearray(path.read_bytes())
        content[position] ^= 0x10
        path.write_bytes(content)

    def index_keys(self) -> list[str]:
        return [
            ObjectKind.INDEX.key(name) for name in list_unpacked(self.repository, ObjectKind.INDEX)
        ]

    def rewrite_index(self, change: Callable[[dict], None]) -> None:
        """Change the JSON of all index objects."""
        for name in list_unpacked(self.repository, ObjectKind.INDEX):
            rows = orjson.loads(load_unpacked(self.repository, ObjectKind.INDEX, name))
            change(rows)
            self.path(ObjectKind.INDEX.key(name)).unlink()
            save_unpacked(self.repository, ObjectKind.INDEX, orjson.dumps(rows))

    def index_of(self, pack: bytes) -> dict:
        """The index JSON that lists one pack."""
        for name in list_unpacked(self.repository, ObjectKind.INDEX):
            rows = orjson.loads(load_unpacked(self.repository, ObjectKind.INDEX, name))
            for row in rows["packs"]:
                if row["id"] == pack.hex():
                    return row
        raise AssertionError


#: Each damages a repository and names what is to blame, or nothing where restic sees no damage.
Damage = Callable[[Broken], str | None]
damages: dict[str, Damage] = {}


def damage(function: Damage) -> Damage:
    damages[function.__name__.replace("_", " ")] = function
    return function


@damage
def nothing_done(broken):
    return None


@damage
def missing_data_pack(broken):
    key = pack_key(broken.used_pack(DATA))
    broken.path(key).unlink()
    return key


@damage
def missing_tree_pack(broken):
    key = pack_key(broken.used_pack(TREE))
    broken.path(key).unlink()
    return key


@damage
def missing_pack_of_unused_data(broken):
    key = pack_key(broken.unused_pack())
    broken.path(key).unlink()
    return key


@damage
def missing_index(broken):
    pack = broken.used_pack(TREE)
    for name in list_unpacked(broken.repository, ObjectKind.INDEX):
        listed = {found.pack for found in load_index_object(broken.repository, name).packs}
        if pack in listed:
            broken.path(ObjectKind.INDEX.key(name)).unlink()
    return f"tree blob {broken.snapshot.tree.hex()}"


@damage
def no_index_at_all(broken):
    for key in broken.index_keys():
        broken.path(key).unlink()
    return f"tree blob {broken.snapshot.tree.hex()}"


@damage
def flipped_byte_in_the_first_data_blob(broken):
    pack = broken.used_pack(DATA)
    broken.flip(pack, 20)
    return pack_key(pack)


@damage
def flipped_byte_in_the_middle_of_data(broken):
    pack = broken.used_pack(DATA)
    place = broken.index.lookup(DATA, broken.used_blob())[0].blob
    broken.flip(pack, place.offset + place.length // 2)
    return broken.used_blob().hex()


@damage
def flipped_byte_in_a_tree(broken):
    place = broken.index.lookup(TREE, broken.snapshot.tree)[0]
    broken.flip(place.pack, place.blob.offset + place.blob.length // 2)
    return broken.snapshot.tree.hex()


@damage
def flipped_byte_in_the_header(broken):
    pack = broken.used_pack(DATA)
    broken.flip(pack, -10)
    return pack_key(pack)


@damage
def flipped_byte_in_the_length_of_the_header(broken):
    pack = broken.used_pack(DATA)
    broken.flip(pack, -4)
    return pack_key(pack)


@damage
def truncated_data_pack(broken):
    pack = broken.used_pack(DATA)
    path = broken.path(pack_key(pack))
    os.truncate(path, path.stat().st_size // 2)
    return pack_key(pack)


@damage
def empty_tree_pack(broken):
    pack = broken.used_pack(TREE)
    os.truncate(broken.path(pack_key(pack)), 0)
    return pack_key(pack)


@damage
def pack_with_more_bytes(broken):
    pack = broken.used_pack(DATA)
    path = broken.path(pack_key(pack))
    path.write_bytes(path.read_bytes() + b"more")
    return pack_key(pack)


@damage
def pack_with_the_content_of_another(broken):
    pack, other = broken.used_pack(DATA), broken.unused_pack()
    shutil.copy(broken.path(pack_key(other)), broken.path(pack_key(pack)))
    return pack_key(pack)


@damage
def blob_absent_from_the_index(broken):
    blob = broken.used_blob().hex()

    def change(rows):
        for pack in rows["packs"]:
            pack["blobs"] = [row for row in pack["blobs"] if row["id"] != blob]

    broken.rewrite_index(change)
    return f"data blob {blob}"


@damage
def pack_absent_from_the_index(broken):
    pack = broken.used_pack(DATA).hex()

    def change(rows):
        rows["packs"] = [row for row in rows["packs"] if row["id"] != pack]

    broken.rewrite_index(change)
    return f"data blob {broken.used_blob().hex()}"


@damage
def unused_pack_absent_from_the_index(broken):
    pack = broken.unused_pack().hex()

    def change(rows):
        rows["packs"] = [row for row in rows["packs"] if row["id"] != pack]

    broken.rewrite_index(change)


@damage
def index_with_two_blobs_exchanged(broken):
    pack = broken.used_pack(DATA).hex()

    def change(rows):
        for row in rows["packs"]:
            if row["id"] == pack:
                one, two = row["blobs"][:2]
                one["id"], two["id"] = two["id"], one["id"]

    broken.rewrite_index(change)
    return pack_key(bytes.fromhex(pack))


@damage
def duplicate_packs_in_two_indexes(broken):
    row = broken.index_of(broken.used_pack(DATA))
    save_unpacked(broken.repository, ObjectKind.INDEX, orjson.dumps({"packs": [row]}))


@damage
def pack_listed_without_blobs(broken):
    rows = {
        "packs": [{"id": broken.unused_pack().hex(), "blobs": []}, {"id": "00" * 32, "blobs": []}]
    }
    save_unpacked(broken.repository, ObjectKind.INDEX, orjson.dumps(rows))


@damage
def all_packs_in_two_indexes(broken):
    for name in list_unpacked(broken.repository, ObjectKind.INDEX):
        document = load_unpacked(broken.repository, ObjectKind.INDEX, name)
        save_unpacked(broken.repository, ObjectKind.INDEX, document)


@damage
def duplicate_pack_under_another_name(broken):
    """The same blobs once more, in a pack of its own that the index lists."""
    row = broken.index_of(broken.used_pack(DATA))
    content = broken.path(pack_key(broken.used_pack(DATA))).read_bytes()
    # The length of the header is the pack's only byte that is not sealed: seal the header anew.
    size = int.from_bytes(content[-4:], "little")
    header = broken.repository.master.open(content[-4 - size : -4])
    twin = content[: -4 - size] + broken.repository.master.seal(header) + content[-4:]
    name = hashlib.sha256(twin).digest()
    path = broken.path(pack_key(name))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(twin)
    rows = {"packs": [row | {"id": name.hex()}]}
    save_unpacked(broken.repository, ObjectKind.INDEX, orjson.dumps(rows))


@damage
def garbage_in_index(broken):
    key = ObjectKind.INDEX.key("cd" * 32)
    broken.path(key).write_bytes(os.urandom(500))
    return key


@damage
def garbage_in_snapshots(broken):
    key = ObjectKind.SNAPSHOT.key("ab" * 32)
    broken.path(key).write_bytes(b"garbage")
    return key


@damage
def snapshot_with_a_flipped_byte(broken):
    key = ObjectKind.SNAPSHOT.key(broken.snapshot.id)
    content = bytearray(broken.path(key).read_bytes())
    content[len(content) // 2] ^= 1
    broken.path(key).write_bytes(content)
    return key


@damage
def snapshot_of_a_tree_that_never_was(broken):
    rows = orjson.loads(load_unpacked(broken.repository, ObjectKind.SNAPSHOT, broken.snapshot.id))
    rows["tree"] = "12" * 32
    save_unpacked(broken.repository, ObjectKind.SNAPSHOT, orjson.dumps(rows))
    return f"tree blob {'12' * 32}"


@damage
def files_with_other_names(broken):
    for folder in ("index", "snapshots", "keys", "data", "data/00", "locks"):
        (broken.files.place / folder).mkdir(exist_ok=True)
        (broken.files.place / folder / "README").write_text("not restic's")


@damage
def no_snapshot_left(broken):
    broken.path(ObjectKind.SNAPSHOT.key(broken.snapshot.id)).unlink()


def save_tree_of(broken: Broken, **facts: object) -> BlobId:
    """A snapshot of a tree with one entry that encode_tree would not write."""
    row = {"name": "x", "type": "file", "mtime": "2026-01-01T00:00:00Z", "content": []}
    row |= {"atime": row["mtime"], "ctime": row["mtime"], "uid": 0, "gid": 0} | facts
    with RepositoryWriter(broken.repository, broken.repository.load_index()) as writer:
        tree = writer.save_blob(BlobKind.TREE, orjson.dumps({"nodes": [row]}) + b"\n")
    save_snapshot(broken.repository, replace(broken.snapshot, tree=tree))
    return tree


@damage
def entry_without_a_name(broken):
    return f"tree blob {save_tree_of(broken, name='').hex()}"


@damage
def entry_of_an_unknown_type(broken):
    return f"tree blob {save_tree_of(broken, type='door').hex()}"


@damage
def file_without_a_list_of_blobs(broken):
    return f"tree blob {save_tree_of(broken, content=None).hex()}"


@damage
def file_with_a_blob_without_id(broken):
    return f"tree blob {save_tree_of(broken, content=['00' * 32]).hex()}"


@damage
def folder_without_a_tree(broken):
    return f"tree blob {save_tree_of(broken, type='dir', content=None).hex()}"


@damage
def folder_with_a_null_tree(broken):
    tree = save_tree_of(broken, type="dir", content=None, subtree="00" * 32)
    return f"tree blob {tree.hex()}"


@damage
def entry_with_a_malformed_time(broken):
    return save_tree_of(broken, mtime="yesterday").hex()


@damage
def entry_whose_name_has_a_slash(broken):
    save_tree_of(broken, name="../x")


@damage
def pipe_socket_and_device(broken):
    save_tree_of(broken, type="fifo", content=None)
    save_tree_of(broken, type="socket", content=None)
    save_tree_of(broken, type="chardev", content=None, device=259)


@pytest.mark.parametrize("name", damages)
def test_our_verdict_is_restic_s_and_names_what_is_damaged(sound, tmp_path, name):
    """With and without reading the data."""
    broken = Broken(sound.copy(tmp_path / "broken"))
    culprit = damages[name](broken)

    their_shallow = broken.files.start_check(read_data=False)
    their_deep = broken.files.start_check(read_data=True)

    shallow = check_repository(broken.repository)
    deep = check_repository(broken.repository, read_data=True)

    assert shallow.sound == their_shallow.finds_it_sound(), shallow.problems
    assert deep.sound == their_deep.finds_it_sound(), deep.problems
    assert deep.sound == (culprit is None), deep.problems
    if culprit is not None:
        assert culprit in named(deep.problems)
    if not shallow.sound:
        assert culprit in named(shallow.problems)


def named(problems: tuple[Problem, ...]) -> set[str]:
    objects = {problem.object for problem in problems}
    return objects | {problem.blob.hex() for problem in problems if problem.blob is not None}


def test_a_header_that_says_something_else_than_the_index_is_named(sound, tmp_path):
    broken = Broken(sound.copy(tmp_path / "broken"))
    blob = broken.used_blob()
    damages["blob absent from the index"](broken)

    report = check_repository(broken.repository, read_data=True)

    (problem,) = (p for p in report.problems if p.kind is ProblemKind.PACK_DAMAGED)
    assert problem.object == pack_key(broken.used_pack(DATA, blob))
    assert blob.hex() in problem.detail


def test_the_files_that_a_lost_pack_costs_are_named(sound, tmp_path):
    broken = Broken(sound.copy(tmp_path / "broken"))
    broken.path(pack_key(broken.used_pack(DATA))).unlink()

    report = check_repository(broken.repository)

    (problem,) = (p for p in report.problems if p.kind is ProblemKind.PACK_MISSING)
    assert {victim.snapshot for victim in problem.victims} == {broken.snapshot.id}
    assert any(victim.path.endswith(b"/text 0") for victim in problem.victims)


def test_the_file_that_a_damaged_blob_costs_is_named(sound, tmp_path):
    broken = Broken(sound.copy(tmp_path / "broken"))
    damages["flipped byte in the middle of data"](broken)

    report = check_repository(broken.repository, read_data=True)

    (problem,) = (p for p in report.problems if p.kind is ProblemKind.BLOB_DAMAGED)
    (victim,) = problem.victims
    assert victim.path.endswith(b"/below/noise 7")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("duplicate packs in two indexes", ProblemKind.PACK_INDEXED_TWICE),
        ("unused pack absent from the index", ProblemKind.PACK_NOT_INDEXED),
        ("entry whose name has a slash", ProblemKind.NAME_UNSAFE),
    ],
)
def test_what_is_odd_but_no_damage_is_a_hint(sound, tmp_path, name, hint):
    broken = Broken(sound.copy(tmp_path / "broken"))
    damages[name](broken)

    report = check_repository(broken.repository)

    assert report.sound
    assert hint in {found.kind for found in report.hints}


def test_a_check_counts_what_it_looked_at_and_tells_how_far_it_is(sound):
    told = []

    report = check_repository(sound.open(), read_data=True, progress=told.append)

    index: Index = sound.open().load_index()
    packs = [path for path in (sound.place / "data").rglob("*") if path.is_file()]
    assert report.snapshots == 1
    assert report.blobs == len(index)
    assert report.packs == len(packs)
    assert report.read_bytes == sum(path.stat().st_size for path in packs)
    assert report.trees > 1
    for stage in {step.stage for step in told}:
        last = [step for step in told if step.stage is stage][-1]
        assert last.done == last.total > 0
