"""Sealed documents outside packs."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ObjectMissing, RepositoryDamaged
from backends.repository.unpacked import (
    ObjectKind,
    frame_document,
    list_unpacked,
    load_unpacked,
    save_unpacked,
    unframe_document,
)
from tests.parts.repository import make_repository

DOCUMENTS = st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps).map(str.encode)


@given(DOCUMENTS, st.sampled_from([1, 2]))
def test_a_document_comes_out_of_its_frame_as_it_went_in(document, version):
    assert unframe_document(frame_document(document, version)) == document


def test_version_2_begins_with_its_byte_and_version_1_with_the_json():
    assert frame_document(b'{"a":1}', 2)[:1] == b"\x02"
    assert frame_document(b'{"a":1}', 1) == b'{"a":1}'


@pytest.mark.parametrize("plain", [b"", b"\x01{}", b"\x02{}", b"null", b"\x03"])
def test_other_framings_are_refused(plain):
    with pytest.raises(RepositoryDamaged):
        unframe_document(plain)


@pytest.mark.parametrize("version", [1, 2])
def test_a_saved_document_is_loaded_again(repository, version):
    config = dataclasses.replace(repository.config, version=version)
    repository = dataclasses.replace(repository, config=config)

    object_id = save_unpacked(repository, ObjectKind.SNAPSHOT, b'{"n":1}')

    assert load_unpacked(repository, ObjectKind.SNAPSHOT, object_id) == b'{"n":1}'
    assert list_unpacked(repository, ObjectKind.SNAPSHOT) == (object_id,)


def test_the_same_document_saved_twice_makes_two_objects(repository):
    ids = {save_unpacked(repository, ObjectKind.LOCK, b"{}") for _ in range(2)}

    assert set(list_unpacked(repository, ObjectKind.LOCK)) == ids
    assert len(ids) == 2


def test_a_missing_document_is_told(repository):
    with pytest.raises(ObjectMissing):
        load_unpacked(repository, ObjectKind.INDEX, "ab" * 32)


def test_a_document_under_another_name_is_refused(repository):
    object_id = save_unpacked(repository, ObjectKind.INDEX, b"{}")
    sealed = repository.store.get(ObjectKind.INDEX.key(object_id))
    repository.store.put(ObjectKind.INDEX.key("ab" * 32), sealed)

    with pytest.raises(RepositoryDamaged):
        load_unpacked(repository, ObjectKind.INDEX, "ab" * 32)


def test_a_document_of_another_repository_is_refused(repository):
    other = make_repository()
    object_id = save_unpacked(other, ObjectKind.INDEX, b"{}")
    sealed = other.store.get(ObjectKind.INDEX.key(object_id))
    repository.store.put(ObjectKind.INDEX.key(object_id), sealed)

    with pytest.raises(RepositoryDamaged):
        load_unpacked(repository, ObjectKind.INDEX, object_id)


def test_an_object_that_restic_is_still_writing_is_not_listed(repository):
    """Stock restic gives a file in a folder its final name only when it is whole."""
    saved = save_unpacked(repository, ObjectKind.LOCK, b"{}")
    repository.store.put(f"locks/{saved}-tmp-270399401", b"half of it")

    assert list_unpacked(repository, ObjectKind.LOCK) == (saved,)
