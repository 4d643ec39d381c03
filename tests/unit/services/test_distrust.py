"""The notes about damaged packs."""

from backends.objectstore.memory import MemoryStore
from daemon.services.distrust import DISTRUSTED_PREFIX, list_distrusted, note_distrusted


def test_what_was_noted_is_listed_for_everybody_after() -> None:
    store, packs = MemoryStore(), {bytes([1]) * 32, bytes([2]) * 32}
    note_distrusted(store, packs)
    note_distrusted(store, packs)
    assert list_distrusted(store) == packs


def test_a_store_without_notes_distrusts_nothing() -> None:
    assert list_distrusted(MemoryStore()) == frozenset()


def test_what_is_no_note_of_ours_is_passed_over() -> None:
    store = MemoryStore()
    store.put(f"{DISTRUSTED_PREFIX}readme", b"")
    store.put(f"{DISTRUSTED_PREFIX}{'zz' * 32}", b"")
    assert list_distrusted(store) == frozenset()
