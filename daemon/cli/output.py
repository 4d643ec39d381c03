"""How answers look: tables and sentences for people, one JSON document for programs.

Everything that came from a server or a settings file is made printable on its way out.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from daemon.cli.invocation import invocation_of
from daemon.domain.duration import span as span  # noqa: PLC0414 - part of how answers look
from daemon.domain.instant import write_second
from daemon.errors import NotConfirmed
from daemon.printable import printable, printable_lines

if TYPE_CHECKING:  # loaded by what draws
    from rich.console import Console

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

WIDTH: Final = 100

#: `--json`, as every reading command has it.
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where one command's answer goes.

    Attributes:
        as_json: A JSON document is asked for; sentences and tables are left out.
        quiet: Sentences that report progress are left out.
    """

    as_json: bool = False
    quiet: bool = False

    @classmethod
    def of(cls, ctx: typer.Context, *, as_json: bool = False) -> "Output":
        """As the global options and the command's own `--json` ask for."""
        return cls(as_json=as_json, quiet=invocation_of(ctx).quiet)

    def document(self, value: Json) -> None:
        """Print the one JSON document."""
        unicode = "utf" in (sys.stdout.encoding or "").lower()
        text = json.dumps(value, indent=2, ensure_ascii=not unicode)
        sys.stdout.write(text + "\n")

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str = ""
    ) -> None:
        """Print a table of at most 100 columns; `empty` instead where there are no rows.

        On a screen too narrow for it, the cells of each row stand one below the other.
        """
        cells = [[printable_lines(cell) for cell in row] for row in rows]
        if not cells:
            self.say(empty)
            return
        # Only here: a backup says what it has to say without a table.
        from rich.cells import cell_len  # noqa: PLC0415 - see above
        from rich.text import Text  # noqa: PLC0415 - likewise

        from daemon.cli.table import draw_records, draw_table  # noqa: PLC0415 - likewise

        screen = console()
        drawn = draw_table(columns, cells, screen.width)
        if drawn is None:
            sys.stdout.writelines(
                f"{line}\n" for line in draw_records(columns, cells, screen.width)
            )
            return
        head, body = drawn
        screen.print(Text("\n".join(head), style="bold"))
        rule = "─" if "utf" in screen.encoding else "-"
        sys.stdout.write(rule * max(map(cell_len, (*head, *body))) + "\n")
        sys.stdout.writelines(f"{line}\n" for line in body)

    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Print one thing's properties, a line each, aligned; empty ones are left out."""
        shown = [(name, value) for name, value in pairs if value]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            indented = printable_lines(value).replace("\n", "\n" + " " * (width + 2))
            sys.stdout.write(f"{name.ljust(width)}  {indented}\n")

    def say(self, text: str) -> None:
        """Print a sentence that is part of the answer."""
        if not self.as_json:
            sys.stdout.write(printable_lines(text) + "\n")

    def note(self, text: str) -> None:
        """Print a sentence about what was done; `-q` leaves it out."""
        if not self.quiet:
            self.say(text)

    def warn(self, text: str) -> None:
        """Print a warning on standard error."""
        sys.stderr.write(printable_lines(f"warning: {text}") + "\n")


def console() -> "Console":
    """Standard output for tables: never wider than 100, and exactly 100 where it is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - only where something is drawn

    detected = Console(markup=False, highlight=False, emoji=False)
    width = min(detected.width, WIDTH) if detected.is_terminal else WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def require_yes(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone, or is a matter of trust.

    Raises:
        NotConfirmed: the answer was no, or there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise NotConfirmed(f"{question} There is no terminal to ask at.")
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise NotConfirmed(f"{question} The answer was no.")


def size(count: int | None) -> str:
    """Bytes for people: `1.4 GiB`; empty where unknown."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < _KIB:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KIB
    return f"{amount:.1f} TiB"


def instant(at: datetime | None) -> str:
    """An instant for people and programs: `2026-11-23T06:01:01Z`; empty where there is none."""
    return "" if at is None else write_second(at)
