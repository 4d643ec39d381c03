"""`lapseguard verify`: prove an earlier run's data anew."""

from typing import Annotated, Final

import typer

from daemon.cli.completion import complete_run_or_server
from daemon.cli.opening import open_configuration
from daemon.cli.output import JsonOption, Output
from daemon.domain.verification import Depth
from daemon.errors import InvalidValue, UsageError
from daemon.importing import importing
from daemon.services.early_key import EarlyKeys

app: Final = typer.Typer(name="verify")

RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN|SERVER",
        help="A run, or a server for its newest one.",
        autocompletion=complete_run_or_server,
    ),
]


@app.command()
def verify(
    ctx: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|SERVER]…",
            help="Runs, or servers for their newest.",
            autocompletion=complete_run_or_server,
            show_default=False,
        ),
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="The newest stored run of every server.")
    ] = False,
    depth: Annotated[Depth, typer.Option(help="stored, hashed or restored.")] = Depth.HASHED,
    as_json: JsonOption = False,
) -> int:
    """Prove a run's data anew: look it up, read it back, or restore it to scratch and compare.

    Of several, one that fails does not keep the next from its turn. With --json, one run that is
    named gives one document; several, or --all, give a list.
    """
    if depth < Depth.STORED:
        raise InvalidValue("The shallowest depth to verify is `stored`.")
    if bool(runs) == every:
        raise UsageError("Name runs or servers, or give --all.")
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    with EarlyKeys(configuration) as keys:
        for run in (runs or ())[:1]:
            keys.guess(run)
        with importing("daemon.cli.proving"):
            from daemon.cli.proving import ProofOrder, prove_again  # noqa: PLC0415 - see there
        order = ProofOrder(named=None if every else runs, depth=depth)
        return prove_again(ctx, configuration, order, keys, output)
