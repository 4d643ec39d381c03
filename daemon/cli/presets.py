"""`lapseguard preset`: what providers do after a contract's expiry."""

import textwrap
from datetime import date
from typing import Annotated, Final

import typer

from daemon.cli.completion import complete_preset
from daemon.cli.output import Json, JsonOption, Output
from daemon.cli.phase_output import PHASE_COLUMNS, phase_row, phases_json
from daemon.clock import SystemClock
from daemon.domain.duration import write_duration
from daemon.domain.phase import RUNNING
from daemon.domain.preset import Preset, RenewalBasis
from daemon.presets.catalogue import load_catalogue

app: Final = typer.Typer(
    name="preset", no_args_is_help=True, help="What providers do after a contract's expiry."
)

_NOTE_WIDTH: Final = 80
_RENEWALS: Final = {
    RenewalBasis.OLD_EXPIRY: "from the old expiry",
    RenewalBasis.PAYMENT: "from the payment",
    RenewalBasis.UNKNOWN: "not known; the old expiry is assumed",
}


@app.command("list")
def list_presets(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the provider products whose terms are known; needs no settings."""
    output, today = Output.of(ctx, as_json=as_json), _today()
    presets = load_catalogue().all()
    if as_json:
        output.document([_preset_json(preset, today) for preset in presets])
        return
    columns = ("preset", "product", ">stop", ">release", "checked", "confidence")
    output.table(columns, [_row(preset) for preset in presets])
    output.note("Stop and release are counted from the expiry.")
    old = [preset.name for preset in presets if preset.doubts(today)]
    if old:
        output.warn(f"Look again before you rely on: {', '.join(old)}.")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The preset's name.", autocompletion=complete_preset),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one preset: its phases, and where they are written; needs no settings."""
    output, today = Output.of(ctx, as_json=as_json), _today()
    preset = load_catalogue().get(name)
    if as_json:
        output.document(_preset_json(preset, today))
        return
    output.fields(
        (
            ("preset", preset.name),
            ("provider", preset.provider),
            ("product", preset.product),
            ("late renewal", f"counts {_RENEWALS[preset.renewal_from]}"),
            ("time zone", preset.timezone or ""),
            ("checked", f"{preset.checked}, confidence {preset.confidence.value}"),
            ("sources", "\n".join(preset.sources)),
            ("note", textwrap.fill(preset.note, _NOTE_WIDTH)),
        )
    )
    output.say("")
    running = (RUNNING.name, "before", "", "ssh, snapshot, renewal")
    rows = [running, *(phase_row(phase) for phase in preset.course.phases)]
    columns = [column for column in PHASE_COLUMNS if column]
    output.table(columns, [(name, begins, works) for name, begins, _, works in rows])
    for doubt in preset.doubts(today):
        output.warn(doubt)


def _today() -> date:
    return SystemClock().now().date()


def _row(preset: Preset) -> tuple[str, ...]:
    return (
        preset.name,
        preset.product,
        write_duration(preset.course.stop),
        write_duration(preset.course.release),
        preset.checked.isoformat(),
        preset.confidence.value,
    )


def _preset_json(preset: Preset, today: date) -> dict[str, Json]:
    return {
        "preset": preset.name,
        "provider": preset.provider,
        "product": preset.product,
        "stop": write_duration(preset.course.stop),
        "release": write_duration(preset.course.release),
        "phases": phases_json(preset.course),
        "renewal_from": preset.renewal_from.value,
        "timezone": preset.timezone,
        "sources": list(preset.sources),
        "checked": preset.checked.isoformat(),
        "confidence": preset.confidence.value,
        "note": preset.note,
        "warnings": list(preset.doubts(today)),
    }
