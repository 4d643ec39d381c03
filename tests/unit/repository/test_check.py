"""What the integration tests against stock restic cannot stage: stores that change their mind."""

from dataclasses import replace

import pytest

from backends.errors import StoreUnreachable
from backends.objectstore.memory import MemoryStore
from backends.repository.check import check_repository
from backends.repository.findings import ProblemKind
from backends.repository.index import Index, IndexedPack, save_index
from backends.repository.pack import PACKS
from backends.repository.repository import Repository
from backends.repository.writer import RepositoryWriter
from backends.types import BlobKind


class Unsteady(MemoryStore):
    """Gives some answers wrong, or none.

    Attributes:
        lies: How many reads of a pack come back with a flipped bit.
        silent: Prefix of keys that get no answer.
    """

    lies = 0
    silent: str | None = None

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        if self.silent is not None and key.startswith(self.silent):
            raise StoreUnreachable(key)
        data = super().get(key, offset=offset, length=length)
        if key.startswith(PACKS) and self.lies:
            self.lies -= 1
            return bytes([data[0] ^ 1]) + data[1:]
        return data


@pytest.fixture
def unsteady(repository) -> Repository:
    """A repository with one data blob, in a store that can be made to misbehave."""
    store = Unsteady()
    for info in repository.store.list(""):
        store.put(info.key, repository.store.get(info.key))
    moved = replace(repository, store=store)
    with RepositoryWriter(moved, Index()) as writer:
        writer.save_blob(BlobKind.DATA, b"content")
    return moved


def test_what_is_sound_when_read_again_is_a_hint(unsteady):
    unsteady.store.lies = 1

    report = check_repository(unsteady, read_data=True)

    assert report.sound
    assert [hint.kind for hint in report.hints] == [ProblemKind.READ_UNSTABLE]


def test_what_stays_damaged_is_damage(unsteady):
    unsteady.store.lies = 2

    report = check_repository(unsteady, read_data=True)

    kinds = {problem.kind for problem in report.problems}
    assert kinds == {ProblemKind.PACK_DAMAGED, ProblemKind.BLOB_DAMAGED}


@pytest.mark.parametrize("silent", ["index/", PACKS])
def test_a_store_that_does_not_answer_is_an_error_and_no_damage(unsteady, silent):
    unsteady.store.silent = silent

    with pytest.raises(StoreUnreachable):
        check_repository(unsteady, read_data=True)


def test_packs_of_both_kinds_as_old_restic_wrote_them_are_sound_and_a_hint(unsteady):
    with RepositoryWriter(unsteady, Index()) as writer:
        writer.save_blob(BlobKind.TREE, b'{"nodes":[]}\n')
    index = unsteady.load_index()
    data, tree = sorted(index.packs(), key=lambda pack: pack.blobs[0].kind.value)
    mixed = IndexedPack(pack=data.pack, blobs=(*data.blobs, *tree.blobs))
    save_index(unsteady, [mixed])

    report = check_repository(unsteady)

    assert ProblemKind.PACK_MIXED in {hint.kind for hint in report.hints}
    (problem,) = report.problems
    assert problem.kind is ProblemKind.PACK_SIZE
