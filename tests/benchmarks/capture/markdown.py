"""Tables and plots in plain text that Markdown shows as well."""

from collections.abc import Iterable, Sequence

from tests.benchmarks.capture.record import Origin

_WIDTH = 40


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> list[str]:
    """Lines of a table; the first `texts` columns are words and stand left, the rest right."""
    lines = [tuple(cell.replace("|", r"\|") for cell in row) for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = [
        "-" * width if at < texts else "-" * (max(2, width) - 1) + ":"
        for at, width in enumerate(widths)
    ]
    laid = [
        [
            cell.ljust(width) if at < texts else cell.rjust(max(2, width))
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in (lines[0], rule, *lines[1:])
    ]
    return [f"| {' | '.join(cells)} |" for cells in laid]


def bars(rows: Sequence[tuple[str, float, str]]) -> list[str]:
    """Lines of a plot: a label, a bar as long as the figure, and the figure in words."""
    most = max((figure for _, figure, _ in rows), default=0.0) or 1.0
    label = max((len(name) for name, _, _ in rows), default=0)
    said = max((len(words) for _, _, words in rows), default=0)
    return [
        f"{name:>{label}}  {words:>{said}}  {'█' * round(_WIDTH * figure / most)}"
        for name, figure, words in rows
    ]


def fenced(lines: Iterable[str]) -> list[str]:
    """Lines shown as they are."""
    return ["```text", *lines, "```"]


def ratio(figure: float | None) -> str:
    """Two places, or a dash."""
    return "-" if figure is None else f"{figure:.2f}"


def verdict(figure: float | None, goal: float | None) -> str:
    """A goal, and whether a figure that is to stay below it does."""
    if goal is None:
        return "-"
    if figure is None:
        return f"≤ {goal:.2f}"
    return f"≤ {goal:.2f} {'reached' if figure <= goal else 'MISSED'}"


def megabytes(size: float | None, places: int = 0) -> str:
    """Of 1e6 bytes, or a dash."""
    return "-" if size is None else f"{size / 1e6:,.{places}f}"


def source(origin: Origin) -> str:
    """Where figures come from, in a sentence."""
    return (
        f"`{origin.command}` at {origin.commit}, {origin.day}, load average {origin.load:.1f}"
        " before."
    )
