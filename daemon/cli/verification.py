"""`lapseguard verify`: prove an earlier run's data anew."""

from typing import Annotated, Final

import typer

from daemon.bootstrap import verification_tools
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, instant
from daemon.cli.progress import display_of
from daemon.cli.stopping import stop_on_signals
from daemon.domain.verification import Depth, Outcome, Verification
from daemon.errors import ExitCode, InvalidValue, VerificationFailed
from daemon.services.destination import Patience
from daemon.services.verification import verify_run

app: Final = typer.Typer(name="verify")

_SHOWN: Final = 10

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN|SERVER", help="A run, or a server for its newest one.")
]


@app.command()
def verify(
    ctx: typer.Context,
    run: RunArgument,
    *,
    depth: Annotated[Depth, typer.Option(help="stored, hashed or restored.")] = Depth.HASHED,
    as_json: JsonOption = False,
) -> int:
    """Prove a run's data anew: look it up, read it back, or restore it to scratch and compare."""
    if depth < Depth.STORED:
        raise InvalidValue("The shallowest depth to verify is `stored`.")
    output = Output.of(ctx, as_json=as_json)
    display = display_of(ctx, output)
    with open_application(ctx) as application, stop_on_signals() as stop:
        record = application.overview.run_or_latest(run)
        tools = verification_tools(application, Patience(stop=stop, warn=display.warned))
        found = verify_run(tools, record, depth, display)
    if as_json:
        output.document(_verification_json(found))
        return ExitCode.DONE if found.outcome is Outcome.PASSED else ExitCode.FAILED
    _say_verification(output, found)
    return ExitCode.DONE


def _say_verification(output: Output, found: Verification) -> None:
    if found.outcome is not Outcome.PASSED:
        raise VerificationFailed(
            "\n".join([f"{found.run} does not verify:", *found.problems[:_SHOWN]])
        )
    source = "; it matches the source" if found.matches_source else ""
    output.say(f"{found.run}: {found.depth.value} {found.outcome.value}{source}.")


def _verification_json(found: Verification) -> Json:
    return {
        "run": found.run,
        "manifest_sha256": found.manifest_sha256,
        "depth": found.depth.value,
        "outcome": found.outcome.value,
        "checked_at": instant(found.checked_at),
        "matches_source": found.matches_source,
        "problems": list(found.problems),
    }
