"""Options that several `lapseguard server` commands have."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from daemon.cli.completion import complete_server
from daemon.domain.bandwidth import Stretch
from daemon.domain.duration import read_duration
from daemon.domain.staging import StagingChoice
from daemon.domain.verification import Depth
from daemon.errors import InvalidValue
from daemon.settings.bandwidth import read_rates

_HIGHEST_VALUE: Final = 1_000_000

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The server's name here.", autocompletion=complete_server),
]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Port of its sshd.")]
IdentityOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Private key; by default the one made by init.", show_default=False
    ),
]
HostKeyOption = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Pin this key, like 'ssh-ed25519 AAAA…'.", show_default=False),
]
ScanOption = Annotated[
    bool, typer.Option("--scan", help="Ask the server for its key and pin it once confirmed.")
]
PathOption = Annotated[
    list[str] | None,
    typer.Option("--path", help="Absolute path to save; repeat for more.", show_default=False),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="rsync pattern to leave out; repeat.", show_default=False),
]
SudoOption = Annotated[
    bool | None, typer.Option("--sudo/--no-sudo", help="Read by `sudo -n rsync`.")
]
OneFileSystemOption = Annotated[
    bool | None,
    typer.Option("--one-file-system/--all-file-systems", help="Whether to stay on one."),
]
StoreOption = Annotated[
    str | None, typer.Option(help="Store; by default the one in the settings.", show_default=False)
]
VerifyOption = Annotated[
    Depth | None, typer.Option(help="How deep to verify its backups.", show_default=False)
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", help="Word that chooses its policy; repeat.", show_default=False),
]
ValueOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=_HIGHEST_VALUE,
        help="What it is worth; the highest goes first where not all can be saved.",
        show_default=False,
    ),
]
PriorityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--priority", metavar="PATH", help="Path to save first; repeat.", show_default=False
    ),
]
BandwidthOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="At most so much a second: '10 MiB', or '08:00 2 MiB, 18:00 off'.",
        show_default=False,
    ),
]
StagingOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|full|window",
        help="What staging keeps of what is stored; '' for the default.",
        show_default=False,
    ),
]
SameFateOption = Annotated[
    bool | None,
    typer.Option(
        "--accept-same-fate/--refuse-same-fate",
        help="Whether it is known and meant that its store perishes with it.",
        show_default=False,
    ),
]


def duration_from(text: str | None, usual: timedelta) -> timedelta:
    """The length of time in `5min` or `2h`; the usual one for '' or nothing.

    Raises:
        InvalidValue: it is no such length.
    """
    return read_duration(text) if text else usual


def rates_from(text: str | None) -> tuple[Stretch, ...]:
    """Bytes a second in `10 MiB`, `10 MiB/s` or `08:00 2 MiB, 18:00 off`; none for '' or nothing.

    Raises:
        InvalidValue: it is no such size or list.
    """
    return read_rates(text) if text else ()


def staging_from(text: str | None) -> StagingChoice | None:
    """What staging is to keep; None for '' or nothing.

    Raises:
        InvalidValue: there is no such choice.
    """
    if not text:
        return None
    try:
        return StagingChoice(text)
    except ValueError as error:
        raise InvalidValue(
            f"{text!r} is nothing that staging can do.", hint="Write auto, full or window."
        ) from error
