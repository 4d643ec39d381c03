"""Arrivals come out in order, each once, whether they waited in memory or on disk."""

import threading
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.rsync.output import parse_line
from backends.rsync.spool import MOST_IN_MEMORY, Spool
from backends.types import Arrival

SIZES = st.integers(min_value=1, max_value=MOST_IN_MEMORY)
#: How many arrivals are put at a time, and how many are taken before the next ones come.
STEPS = st.lists(st.tuples(SIZES, st.integers(min_value=0, max_value=MOST_IN_MEMORY)), max_size=6)


def line_of(number: int) -> bytes:
    return b">f+++++++++ %d %d %032x folder/%d.txt\n" % (number, number, number, number)


def arrivals_of(lines: list[bytes]) -> list[Arrival]:
    events = [parse_line(line) for line in lines]
    return [event for event in events if isinstance(event, Arrival)]


def put(spool: Spool, lines: list[bytes]) -> None:
    spool.put(b"".join(lines), arrivals_of(lines))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(STEPS)
def test_arrivals_come_out_as_they_went_in(tmp_path: Path, steps: list[tuple[int, int]]) -> None:
    lines: list[bytes] = []
    with Spool(tmp_path) as spool:
        taken, reader = [], iter(spool)
        for count, wanted in steps:
            more = [line_of(len(lines) + number) for number in range(count)]
            lines += more
            put(spool, more)
            taken += [next(reader) for _ in range(min(wanted, len(lines) - len(taken)))]
        spool.close()

        assert taken + list(reader) == arrivals_of(lines)


def test_the_writer_never_waits_and_the_reader_does(tmp_path: Path) -> None:
    lines = [line_of(number) for number in range(20_000)]
    taken: list[Arrival] = []
    with Spool(tmp_path) as spool:
        reader = threading.Thread(target=lambda: taken.extend(spool))
        reader.start()
        for start in range(0, len(lines), 50):
            put(spool, lines[start : start + 50])
        spool.close()
        reader.join(30)

    assert taken == arrivals_of(lines)


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    lines = [line_of(number) for number in range(MOST_IN_MEMORY + 1)]
    with Spool(tmp_path) as spool:
        put(spool, lines)

        assert list(tmp_path.iterdir()) == []
