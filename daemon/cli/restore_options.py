"""Options of the commands that restore."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from daemon.errors import InvalidValue

if TYPE_CHECKING:  # loads ciphers
    from daemon.services.restoration import RestoreOrder

ToOption = Annotated[
    str | None,
    typer.Option(
        metavar="USER@HOST:/PATH",
        help="A replacement server: pushed there by rsync, then compared there.",
        show_default=False,
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="With --to: also into a folder with files; equal names are replaced."
    ),
]
SudoThereOption = Annotated[
    bool, typer.Option("--sudo", help="With --to: write there by `sudo -n rsync`.")
]
StagingOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="With --to: where it is staged; by default in the state folder.",
        show_default=False,
    ),
]
StagingLimitOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="With --to: stage no more than this at a time, like 20GiB; in parts if need be.",
        show_default=False,
    ),
]
MaybeTargetOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Empty, not there yet, or with the same restore interrupted, which then goes on.",
        show_default=False,
    ),
]
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
) -> "RestoreOrder":
    """The order that these options give."""
    from daemon.services.restoration import RestoreOrder  # noqa: PLC0415 - likewise

    return RestoreOrder(
        target=target,
        include=patterns_from(include),
        exclude=patterns_from(exclude),
        owners=owners,
    )


def bytes_from(text: str | None) -> int | None:
    """A size as a person writes it. Raises InvalidValue."""
    if text is None:
        return None
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        raise InvalidValue(f"{text!r} is no size; it looks like 20GiB.") from error


def patterns_from(given: list[str] | None) -> tuple[bytes, ...]:
    """Raw patterns."""
    return tuple(path.encode(errors="surrogateescape") for path in given or ())
