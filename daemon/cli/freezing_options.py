"""Options that say how a server is frozen."""

import shlex
from typing import Annotated

import typer

from daemon.cli.completion import complete_one_of
from daemon.domain.duration import write_duration
from daemon.domain.freezing import KINDS, USUAL_HOOK_TIMEOUT
from daemon.errors import InvalidValue

SnapshotOption = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help=f"One of {', '.join(KINDS)}.",
        show_default=False,
        autocompletion=complete_one_of(KINDS),
    ),
]
RequiredOption = Annotated[
    bool | None,
    typer.Option(
        "--required/--or-live",
        help="Fail where nothing can be frozen, or read it live and say so.",
        show_default=False,
    ),
]
BeforeOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND", help="Brings an application to rest first.", show_default=False
    ),
]
AfterOption = Annotated[
    str | None,
    typer.Option(metavar="COMMAND", help="Lets it go on, come what may.", show_default=False),
]
FreezeOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="With --snapshot hook: makes a frozen view and prints its root.",
        show_default=False,
    ),
]
ThawOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND", help="With --snapshot hook: takes the view down.", show_default=False
    ),
]
HookTimeoutOption = Annotated[
    str | None,
    typer.Option(
        metavar="LENGTH",
        help=f"For each of these commands, like 10min; else {write_duration(USUAL_HOOK_TIMEOUT)}.",
        show_default=False,
    ),
]


def words_from(command: str | None) -> tuple[str, ...] | None:
    """The words of a command line; none for '', None where it is not given.

    Raises:
        InvalidValue: a quote is not closed.
    """
    if command is None:
        return None
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise InvalidValue(
            f"{command!r} cannot be split into words: {error}.", hint="Close every quote."
        ) from error
