"""Rows of facts as text: side by side where they fit, one below the other where they do not.

Words are kept whole where that is possible at all, and short cells, such as lengths of time, where
there is room; only then are long cells wrapped.
Thousands of rows have to be drawn at once, for which the tables of rich take seconds.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

#: Cells up to this width are kept whole if there is room; words of it are never broken.
_WHOLE: Final = 22
#: A column of long cells is not made narrower than this.
_NARROWEST: Final = 12
_GAPS: Final = (3, 2)
_MEASURE: Final = Console(width=100, markup=False, highlight=False, emoji=False)

Rows = Sequence[Sequence[str]]


def draw_table(
    columns: Sequence[str], rows: Rows, width: int
) -> tuple[list[str], list[str]] | None:
    """The lines of the titles and those of the rows; None where they do not fit.

    Args:
        columns: Titles; those that begin with `>` are aligned to the right.
        rows: A cell for each column; each may have several lines.
        width: Columns of the screen.
    """
    titles = [column.lstrip(">") for column in columns]
    fitted = _fit(list(zip(titles, *rows, strict=True)), width)
    if fitted is None:
        return None
    widths, gap = fitted
    rights = [column.startswith(">") for column in columns]
    head, *body = (list(_draw_row(row, widths, rights, " " * gap)) for row in (titles, *rows))
    return head, [line for lines in body for line in lines]


def draw_records(columns: Sequence[str], rows: Rows, width: int) -> Iterator[str]:
    """The same one below the other: a line for each cell that is not empty, a gap between rows."""
    titles = [column.lstrip(">") for column in columns]
    indent = max(map(cell_len, titles)) + 2
    for number, row in enumerate(rows):
        if number:
            yield ""
        for title, cell in zip(titles, row, strict=True):
            lines = _wrap(cell, max(_NARROWEST, width - indent)) if cell else []
            heads = [title, *[""] * (len(lines) - 1)]
            for head, line in zip(heads, lines, strict=False):
                yield f"{head.ljust(indent)}{line}".rstrip()


def _fit(columns: Sequence[Sequence[str]], width: int) -> tuple[list[int], int] | None:
    """How wide each column is, and the gap between them; None if nothing fits."""
    naturals = [
        max(cell_len(line) for cell in each for line in cell.split("\n")) for each in columns
    ]
    words = list(map(_longest_word, columns))
    whole = [
        natural if natural <= _WHOLE else max(_NARROWEST, word)
        for natural, word in zip(naturals, words, strict=True)
    ]
    for gap, least in ((_GAPS[0], naturals), (_GAPS[1], whole), (_GAPS[1], words)):
        widths = _share(naturals, least, width - gap * (len(columns) - 1))
        if widths is not None:
            return widths, gap
    return None


def _longest_word(cells: Sequence[str]) -> int:
    """How narrow a column can be; words that are too long even so are broken."""
    longest = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return longest if longest <= _WHOLE else _NARROWEST


def _share(naturals: Sequence[int], least: Sequence[int], room: int) -> list[int] | None:
    """How wide each column is; None if there is too little room.

    Args:
        naturals: How wide each would like to be.
        least: What each needs.
        room: For all of them.
    """
    left = room - sum(least)
    if left < 0:
        return None
    widths = list(least)
    wanting = sorted((natural - least[i], i) for i, natural in enumerate(naturals))
    # What a modest one does not want is left to the others.
    for served, (wanted, i) in enumerate(wanting):
        given = min(wanted, left // (len(wanting) - served))
        widths[i] += given
        left -= given
    return widths


def _draw_row(
    cells: Sequence[str], widths: Sequence[int], rights: Sequence[bool], gap: str
) -> Iterator[str]:
    wrapped = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, wrapped))):
        parts = (
            _pad(lines[number] if number < len(lines) else "", width, right=right)
            for lines, width, right in zip(wrapped, widths, rights, strict=True)
        )
        yield gap.join(parts).rstrip()


def _pad(text: str, width: int, *, right: bool) -> str:
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank


def _wrap(cell: str, width: int) -> list[str]:
    """The cell in lines of at most so many columns; broken within words only where it must be."""
    if "\n" not in cell and cell_len(cell) <= width:
        return [cell]
    return [line.plain.rstrip() for line in Text(cell).wrap(_MEASURE, width, overflow="fold")]
