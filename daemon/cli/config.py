"""`lapseguard config`: check and show the settings."""

from typing import Final

import typer

from daemon.bootstrap import open_database
from daemon.cli.opening import open_configuration
from daemon.cli.output import Json, JsonOption, Output
from daemon.domain.finding import Finding, Severity
from daemon.errors import ExitCode
from daemon.services.inspection import inspect_installation
from daemon.settings import Entry, settings_schema

app: Final = typer.Typer(name="config", no_args_is_help=True, help="Check and show the settings.")


@app.command()
def validate(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Check the settings and everything they need: secrets, folders, rsync, database."""
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    findings = inspect_installation(configuration, open_database)
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        output.document({"ok": not failed, "findings": [_finding_json(f) for f in findings]})
    else:
        for finding in findings:
            _say_finding(output, finding)
    if failed:
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def show(ctx: typer.Context, *, as_json: JsonOption = False) -> None:
    """Show the settings in effect and where each comes from; secrets are masked."""
    output = Output.of(ctx, as_json=as_json)
    configuration = open_configuration(ctx)
    if as_json:
        files: Json = [str(file) for file in configuration.files]
        entries: Json = [_entry_json(entry) for entry in configuration.entries]
        output.document({"files": files, "settings": entries})
        return
    rows = [(entry.key, _value_text(entry), entry.origin) for entry in configuration.entries]
    output.table(("setting", "value", "from"), rows)


@app.command()
def schema(ctx: typer.Context) -> None:
    """Print the JSON Schema of a settings file, for editors and for checking."""
    Output.of(ctx, as_json=True).document(settings_schema())


def _say_finding(output: Output, finding: Finding) -> None:
    output.say(f"{finding.severity.value:<8} {finding.subject}: {finding.message}")
    if finding.hint:
        output.say(f"{'':<8} next: {finding.hint}")


def _finding_json(finding: Finding) -> Json:
    return {
        "severity": finding.severity.value,
        "subject": finding.subject,
        "code": finding.code,
        "message": finding.message,
        "hint": finding.hint,
    }


def _entry_json(entry: Entry) -> Json:
    return {"key": entry.key, "value": entry.value, "origin": entry.origin}


def _value_text(entry: Entry) -> str:
    if isinstance(entry.value, bool):
        return str(entry.value).lower()
    return " ".join(entry.value) if isinstance(entry.value, list) else str(entry.value)
