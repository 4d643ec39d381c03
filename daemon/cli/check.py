"""`lapseguard check` and `safe-to-lapse`: one answer for monitoring, and one for scripts."""

import sys
from datetime import timedelta
from typing import Annotated, Final

import typer

from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output
from daemon.domain.check import CheckState, Threshold, Thresholds, check_fleet, nagios_text
from daemon.domain.duration import read_duration
from daemon.errors import ExitCode, LapseguardError, UsageError

app: Final = typer.Typer(name="check")

LengthOption = Annotated[str | None, typer.Option(metavar="LENGTH", show_default=False)]


@app.command("check")
def check(
    ctx: typer.Context,
    servers: Annotated[
        list[str] | None, typer.Argument(metavar="SERVER…", help="Names.", show_default=False)
    ] = None,
    *,
    warning_age: LengthOption = None,
    critical_age: LengthOption = None,
    warning_slack: LengthOption = None,
    critical_slack: LengthOption = None,
) -> int:
    """One line for Nagios and its kin, with figures; exit code 0, 1, 2, or 3 for cannot tell.

    The verdicts decide: at risk is a warning, late and lost are critical. Thresholds of one's own
    (lengths like 36h) can only make it graver: the newest copy's age, and the slack left.
    """
    thresholds = Thresholds(
        warning=Threshold(age=_length(warning_age), slack=_length(warning_slack)),
        critical=Threshold(age=_length(critical_age), slack=_length(critical_slack)),
    )
    try:
        with open_application(ctx) as application:
            view = application.lookout.view(servers or ())
    except UsageError:
        raise
    except LapseguardError as error:
        # What cannot be asked must neither look well nor end as any other failure does.
        sys.stdout.write(f"LAPSEGUARD UNKNOWN - {error}\n")
        return CheckState.UNKNOWN
    upkeeps = () if servers else view.upkeeps
    result = check_fleet(view.statuses(servers or ()), upkeeps, thresholds, view.now)
    sys.stdout.write(nagios_text(result))
    return result.state


@app.command("safe-to-lapse")
def safe_to_lapse(
    ctx: typer.Context,
    server: Annotated[str, typer.Argument(metavar="SERVER", help="Its name.")],
    *,
    accept_same_fate: Annotated[
        bool,
        typer.Option(
            "--accept-same-fate", help="Let a store count that would perish with the server."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Whether a server may lapse: exit code 0 only if all that it holds is proven elsewhere."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        answer = application.lookout.may_lapse(server, accept_fate=accept_same_fate)
    if as_json:
        output.document(
            {"server": answer.server, "safe": answer.safe, "reasons": list(answer.reasons)}
        )
    elif answer.safe:
        output.say(f"{answer.server} may lapse: all it holds is proven elsewhere.")
    else:
        output.say(f"{answer.server} must not lapse yet:")
        for reason in answer.reasons:
            output.say(f"  {reason}")
    return ExitCode.DONE if answer.safe else ExitCode.FAILED


def _length(text: str | None) -> timedelta | None:
    return None if text is None else read_duration(text)
