"""`lapseguard calendar`: the dates of all contracts, for calendar programs."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, instant
from daemon.domain.agenda import Appointment
from daemon.domain.duration import read_duration
from daemon.errors import UsageError

app: Final = typer.Typer(name="calendar")

_STANDARD_OUTPUT: Final = "-"
#: A calendar holds nothing secret, and other programs serve it.
_MODE: Final = 0o644


@app.command()
def calendar(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="Where to; `-` prints it.", show_default=False),
    ] = None,
    *,
    alarm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LENGTH", help="Remind so long before, as 7d; repeat.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the dates of all contracts as an iCalendar file.

    Expiry, latest safe start of each server, stop and release. Writing again updates the file:
    what moved is the same appointment at another time, and what is over is said to be cancelled.
    """
    from daemon.services.calendar import render_calendar  # noqa: PLC0415 - loads icalendar

    if file is None and not as_json:
        raise UsageError("Say where to write to.", hint="Name a file, or `-` to print it.")
    output, alarms = Output.of(ctx, as_json=as_json), tuple(read_duration(a) for a in alarm or ())
    with open_application(ctx) as application:
        dates, now = application.lookout.appointments(), application.clock.now()
    if file == _STANDARD_OUTPUT and not as_json:
        sys.stdout.buffer.write(render_calendar(dates, now, alarms=alarms))
        return
    if file is not None and file != _STANDARD_OUTPUT:
        path = Path(file)
        former = path.read_bytes() if path.exists() else None
        _replace(path, render_calendar(dates, now, alarms=alarms, former=former))
    if as_json:
        ordered = sorted(dates, key=lambda date: (date.at, date.uid))
        output.document([_appointment_json(each) for each in ordered])
        return
    output.note(f"{file}: {len(dates)} dates.")


def _replace(path: Path, document: bytes) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(document)
            os.fchmod(new.fileno(), _MODE)
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _appointment_json(appointment: Appointment) -> dict[str, Json]:
    return {
        "uid": appointment.uid,
        "event": appointment.occasion.value,
        "at": instant(appointment.at),
        "summary": appointment.summary,
        "provider": appointment.provider,
        "cancelled": appointment.cancelled,
    }
