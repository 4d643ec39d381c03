"""Dumps and machines come back from the database as they were said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.dump import DatabaseDump
from daemon.domain.machine import ProviderMachine
from daemon.errors import InvalidValue
from daemon.store.server_parts import read_dumps, read_machine, write_dumps, write_machine
from tests.fleets import dumps, machines


@given(st.lists(dumps(), max_size=3).map(tuple))
def test_dumps_are_read_back_as_they_were_written(known: tuple[DatabaseDump, ...]) -> None:
    assert read_dumps(write_dumps(known)) == known


@given(machines())
def test_a_machine_is_read_back_as_it_was_written(known: ProviderMachine) -> None:
    assert read_machine(write_machine(known)) == known


@pytest.mark.parametrize("text", ["", "{}", '["redis"]', '[{"kind":"redis"}]', '[{"x":1}]'])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        read_dumps(text)


def test_the_defaults_need_no_room() -> None:
    assert write_dumps((DatabaseDump(kind="redis"),)) == '[{"kind":"redis","name":"redis.rdb"}]'
