"""Options that several `lapseguard contract` commands have."""

from collections.abc import Sequence
from typing import Annotated

import typer

from daemon.cli.completion import (
    complete_contract,
    complete_preset,
    complete_server,
    complete_store,
)
from daemon.cli.repeated import texts_from
from daemon.domain.phase import Course
from daemon.domain.phasetext import read_course

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The contract's name here.", autocompletion=complete_contract
    ),
]
TimezoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="IANA zone of that date; without one the earliest on earth is assumed.",
        show_default=False,
    ),
]
ServerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--server",
        help="Server that lives by it; repeat.",
        show_default=False,
        autocompletion=complete_server,
    ),
]
StoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--store",
        help="Store that perishes with it; repeat.",
        show_default=False,
        autocompletion=complete_store,
    ),
]
SubjectOption = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="What else lives by it, in words: the ops host, a domain.",
        show_default=False,
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        autocompletion=complete_preset,
        help="What the provider does after the expiry; see `lapseguard preset list`.",
        show_default=False,
    ),
]
PhaseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--phase",
        metavar="NAME:START:WORKS",
        help=(
            "What happens after the expiry, instead of a preset; repeat, the destruction last: "
            "stopped:0:snapshot,renewal then released:15d:-"
        ),
        show_default=False,
    ),
]
ReferenceOption = Annotated[
    str | None, typer.Option(help="The provider's number for it.", show_default=False)
]
AccountOption = Annotated[
    str | None, typer.Option(help="The account it is billed to.", show_default=False)
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", help="Passed on to its servers; repeat.", show_default=False),
]
SameFateOption = Annotated[
    bool,
    typer.Option(
        "--accept-same-fate", help="It is known and meant that a store perishes with its servers."
    ),
]


def course_from(given: Sequence[str] | None) -> Course | None:
    """The course that the phases make up; None where there are none. Raises InvalidValue."""
    texts = texts_from(given)
    return read_course(texts) if texts else None
