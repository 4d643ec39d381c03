"""Tables that fit the screen they are drawn on, with nothing lost and no date broken."""

import string
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from daemon.cli.table import draw_records, draw_table

COLUMNS = ("server", "stops at", ">slack", "reason")
ROWS = (
    ("web-1", "2026-12-17T16:00:00Z", "23 d 23 h", "The newest copy is too old."),
    ("shop-frontend-production-eu-central", "2026-11-26T23:00:00Z", "1 h", "It is lost."),
)


def drawn(width: int, rows: Sequence[Sequence[str]] = ROWS) -> list[str]:
    found = draw_table(COLUMNS, rows, width)
    assert found is not None
    head, body = found
    return [*head, *body]


def test_what_fits_stands_side_by_side_in_one_line_each() -> None:
    assert drawn(100, ROWS[:1]) == [
        "server   stops at                   slack   reason",
        "web-1    2026-12-17T16:00:00Z   23 d 23 h   The newest copy is too old.",
    ]


def test_where_room_is_short_long_cells_are_wrapped_and_short_ones_are_not() -> None:
    lines = drawn(72)
    assert lines[1].endswith("2026-12-17T16:00:00Z  23 d 23 h  The newest copy is")
    assert "1 h  It is lost." in "\n".join(lines)
    assert max(map(len, lines)) <= 72


def test_no_date_is_broken_however_little_room_there_is() -> None:
    for width in range(20, 100):
        found = draw_table(COLUMNS, ROWS, width)
        if found is not None:
            assert sum("2026-12-17T16:00:00Z" in line for line in found[1]) == 1


def test_words_stay_whole_where_the_cell_does_not() -> None:
    rows = (("2026-12-31 Asia/Shanghai (unknown)", *["a" * 10 + " " + "b" * 10] * 3),)
    for width in range(60, 88):
        told = "\n".join(drawn(width, rows))
        assert all(word in told for word in ("2026-12-31", "Asia/Shanghai", "(unknown)"))


def test_what_does_not_fit_at_all_is_no_table() -> None:
    assert draw_table(COLUMNS, ROWS, 40) is None


def test_a_record_is_told_line_by_line_without_what_is_empty() -> None:
    rows = (("web-1", "", "1 h", "It is lost, since there is no copy."), ("db-1", "now", "", ""))
    assert list(draw_records(COLUMNS, rows, 30)) == [
        "server    web-1",
        "slack     1 h",
        "reason    It is lost, since",
        "          there is no copy.",
        "",
        "server    db-1",
        "stops at  now",
    ]


def test_wide_characters_take_two_columns() -> None:
    rows = (("阿里云服务器", "a", "b", "c"), ("web-1", "a", "b", "c"))
    (_, first, second) = drawn(100, rows)
    assert cell_len(first) == cell_len(second)


words = st.text(string.ascii_letters + "é云", min_size=1, max_size=30)
cells = st.lists(words, max_size=5).map(" ".join)
tables = st.lists(st.tuples(cells, cells, cells, cells), min_size=1, max_size=6)


@given(tables, st.integers(24, 120))
def test_nothing_is_lost_and_nothing_is_too_wide(rows: list[tuple[str, ...]], width: int) -> None:
    found = draw_table(COLUMNS, rows, width)
    lines = list(draw_records(COLUMNS, rows, width)) if found is None else found[1]
    assert max(map(cell_len, lines), default=0) <= width
    cells = [cell for row in rows for cell in row]
    if found is None:
        cells += [t.lstrip(">") for row in rows for t, c in zip(COLUMNS, row, strict=True) if c]
    assert letters(lines) == letters(cells)


def letters(texts: Sequence[str]) -> list[str]:
    return sorted(letter for text in texts for letter in text if letter != " ")
