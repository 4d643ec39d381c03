"""The repository's config."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import RepositoryDamaged, RepositoryMissing, UnsupportedRepository
from backends.objectstore.memory import MemoryStore
from backends.repository.config import (
    RepositoryConfig,
    decode_config,
    encode_config,
    load_config,
    save_config,
)
from backends.repository.crypto import MasterKey
from backends.repository.polynomial import is_irreducible

MASTER = MasterKey.generate()


def document(**changes: object) -> bytes:
    return json.dumps(json.loads(encode_config(RepositoryConfig.generate())) | changes).encode()


def test_a_new_config_is_of_version_2_with_an_identity_of_its_own():
    first, second = RepositoryConfig.generate(), RepositoryConfig.generate()

    assert first.version == 2
    assert first.id != second.id
    assert is_irreducible(int(first.chunker_polynomial, 16))


def test_a_config_is_found_again():
    store, config = MemoryStore(), RepositoryConfig.generate()

    save_config(store, MASTER, config)

    assert load_config(store, MASTER) == config


def test_where_there_is_none_there_is_no_repository():
    with pytest.raises(RepositoryMissing):
        load_config(MemoryStore(), MASTER)


@pytest.mark.parametrize("version", [0, 3, "2", True, None])
def test_another_version_is_told_as_such(version):
    with pytest.raises(UnsupportedRepository):
        decode_config(document(version=version))


@pytest.mark.parametrize("changes", [{"id": "zz"}, {"id": 7}, {"chunker_polynomial": ""}])
def test_malformed_fields_are_refused(changes):
    with pytest.raises(RepositoryDamaged):
        decode_config(document(**changes))


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_no_junk_ends_in_another_error(junk):
    with pytest.raises(RepositoryDamaged):
        decode_config(junk)
