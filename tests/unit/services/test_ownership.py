"""Whether the holder of a claim is provably gone."""

import os

import pytest

from daemon.services.ownership import is_gone, name_owner

HERE = "ops-1:4711:f0000001-aabbccdd"


def nobody(_: int) -> bool:
    return False


def everybody(_: int) -> bool:
    return True


def test_a_process_of_this_host_that_is_no_more_is_gone() -> None:
    assert is_gone("ops-1:4000:f0000001-11223344", HERE, nobody)
    assert not is_gone("ops-1:4000:f0000001-11223344", HERE, everybody)


def test_only_its_own_number_is_asked_about() -> None:
    assert is_gone("ops-1:4000:f0000001-11223344", HERE, {4711}.__contains__)


@pytest.mark.parametrize(
    "owner",
    [
        "ops-2:4000:f0000001-11223344",
        "ops-1:4000:f0000002-11223344",
        "ops-1:4000:11223344",
        "somebody",
    ],
    ids=["another host", "another container", "an older version", "no owner of ours"],
)
def test_of_others_nothing_is_known(owner: str) -> None:
    assert not is_gone(owner, HERE, nobody)


def test_without_a_namespace_nobody_is_provably_gone() -> None:
    assert not is_gone("ops-1:4000:0-11223344", "ops-1:4711:0-aabbccdd", nobody)


def test_each_owner_has_a_name_of_its_own_and_is_alive() -> None:
    first, second = name_owner(os.urandom), name_owner(os.urandom)
    assert first != second
    assert f":{os.getpid()}:" in first
    assert not is_gone(first, second)
    assert is_gone(first, second, nobody)
