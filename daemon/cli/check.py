"""`lapseguard check` and `safe-to-lapse`: one answer for monitoring, and one for scripts."""

import re
import sys
from datetime import timedelta
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from daemon.cli.completion import complete_server
from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output
from daemon.domain.check import (
    CheckResult,
    CheckState,
    Figure,
    Threshold,
    Thresholds,
    check_fleet,
    nagios_text,
)
from daemon.domain.duration import read_duration
from daemon.errors import ExitCode

app: Final = typer.Typer(name="check")


class _Plugin(TyperCommand):
    """A command that never ends as CRITICAL for a reason of its own: what fails is UNKNOWN."""

    def make_context(  # type: ignore[override,unused-ignore] # typer keeps these types private
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401 - typer keeps this type private
        **extra: Any,  # noqa: ANN401 - likewise
    ) -> Any:  # noqa: ANN401 - likewise
        try:
            return super().make_context(info_name, args, parent, **extra)
        except typer.TyperException as error:
            _say_unknown(error.format_message(), as_json="--json" in args)
            raise typer.Exit(CheckState.UNKNOWN) from error

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer keeps this type private
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not look like a verdict
            _say_unknown(f"{error}" or type(error).__name__, as_json=bool(ctx.params["as_json"]))
            return CheckState.UNKNOWN


def _length(text: str | None) -> timedelta | None:
    return None if text is None else read_duration(text)


@app.command("check", cls=_Plugin)
def check(
    ctx: typer.Context,
    servers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SERVER]...",
            help="Only these.",
            autocompletion=complete_server,
            show_default=False,
        ),
    ] = None,
    *,
    warning_age: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH", help="Warn if the newest copy is older.", show_default=False
        ),
    ] = None,
    critical_age: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH", help="Critical if the newest copy is older.", show_default=False
        ),
    ] = None,
    warning_slack: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="Warn if there is less slack.", show_default=False),
    ] = None,
    critical_slack: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="Critical if there is less slack.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """One line for Nagios and its kin, with figures.

    Exit code 0, 1, 2, or 3 for cannot tell. The verdicts decide: at risk is a warning, late and
    lost are critical. Thresholds of one's own (lengths like 36h) can only make it graver.
    Whatever goes wrong, the command line included, ends with 3.
    """
    thresholds = Thresholds(
        warning=Threshold(age=_length(warning_age), slack=_length(warning_slack)),
        critical=Threshold(age=_length(critical_age), slack=_length(critical_slack)),
    )
    with open_application(ctx) as application:
        view = application.lookout.view(servers or ())
    upkeeps = () if servers else view.upkeeps
    result = check_fleet(view.statuses(servers or ()), upkeeps, thresholds, view.now)
    _say(result, as_json=as_json)
    return result.state


@app.command("safe-to-lapse")
def safe_to_lapse(
    ctx: typer.Context,
    server: Annotated[
        str, typer.Argument(metavar="SERVER", help="Its name.", autocompletion=complete_server)
    ],
    *,
    accept_same_fate: Annotated[
        bool,
        typer.Option(
            "--accept-same-fate", help="Let a store count that would perish with the server."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Whether a server may lapse: a gate for scripts.

    Exit code 0 only if all it holds is proven elsewhere, 1 otherwise; the reasons say why not.
    """
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


def _say_unknown(message: str, *, as_json: bool) -> None:
    """Why nobody can tell; nothing of it may be taken for figures or for a second line."""
    _say(
        CheckResult(state=CheckState.UNKNOWN, summary=re.sub(r"\s+", " ", message)), as_json=as_json
    )


def _say(result: CheckResult, *, as_json: bool) -> None:
    if as_json:
        Output(as_json=True).document(_json(result))
    else:
        sys.stdout.write(nagios_text(result))


def _json(result: CheckResult) -> dict[str, Json]:
    return {
        "state": result.state.name.lower(),
        "exit_code": result.state.value,
        "summary": result.summary,
        "details": list(result.details),
        "figures": [_figure_json(figure) for figure in result.figures],
    }


def _figure_json(figure: Figure) -> dict[str, Json]:
    return {
        "label": figure.label,
        "value": figure.value,
        "unit": figure.unit,
        "warning": figure.warning,
        "critical": figure.critical,
    }
