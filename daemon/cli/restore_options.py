"""Options of the commands that restore."""

from pathlib import Path
from typing import Annotated

import typer

from daemon.services.restoration import RestoreOrder

TargetOption = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        help="Empty, not there yet, or with the same restore interrupted, which then goes on.",
        show_default=False,
    ),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        help="Only this path and what is below, from the root; `*`, `?`, `[…]` within a name, "
        "`**` for any folders; repeat.",
        show_default=False,
    ),
]
LeaveOutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="PATTERN", help="Likewise, but not this; repeat.", show_default=False
    ),
]
OwnersOption = Annotated[
    bool | None,
    typer.Option(
        "--owners/--no-owners",
        help="Restore owners, setuid bits and devices; by default exactly as root.",
        show_default=False,
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be restored; do nothing.")
]


def order_from(
    target: Path, include: list[str] | None, exclude: list[str] | None, *, owners: bool | None
) -> RestoreOrder:
    """The order that these options give."""
    return RestoreOrder(
        target=target, include=_patterns(include), exclude=_patterns(exclude), owners=owners
    )


def _patterns(given: list[str] | None) -> tuple[bytes, ...]:
    return tuple(path.encode(errors="surrogateescape") for path in given or ())
