"""The program `lapseguard`: its commands by name, and the way in and out of the process.

Each command's module is imported only when that command runs, so `--version`, `--help` and
completion stay quick however much the commands need. A new command is one line in `COMMANDS`:
its module has a `typer.Typer` called `app`, which either is the group of that name or has a
command of that name.
"""

import atexit
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from daemon import __version__
from daemon.cli.arguments import bring_forward
from daemon.cli.failure import report
from daemon.cli.invocation import Invocation
from daemon.errors import ExitCode
from daemon.importing import importing

PROGRAM: Final = "lapseguard"

#: Command → the module that has it, and what `--help` says of it.
COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "init": ("daemon.cli.init", "Make settings, keys and the database of a new installation."),
    "status": ("daemon.cli.status", "Every server: when it stops, and how safe its data is."),
    "plan": ("daemon.cli.plan", "The runs that are called for, the most urgent first."),
    "simulate": ("daemon.cli.plan", "What would happen up to a date; changes nothing."),
    "check": ("daemon.cli.check", "One line for Nagios and its kin, with figures."),
    "calendar": ("daemon.cli.calendar", "Write the dates of all contracts as an iCalendar file."),
    "timeline": (
        "daemon.cli.timeline",
        "Draw each server's way from now to the end of its data.",
    ),
    "safe-to-lapse": ("daemon.cli.check", "Whether a server may lapse: a gate for scripts."),
    "config": ("daemon.cli.config", "Check and show the settings."),
    "db": ("daemon.cli.database", "Create or upgrade the database."),
    "store": ("daemon.cli.stores", "The places that backups are written to."),
    "server": ("daemon.cli.servers", "The servers that are backed up."),
    "contract": ("daemon.cli.contracts", "The contracts that keep servers alive."),
    "preset": ("daemon.cli.presets", "What providers do after a contract's expiry."),
    "import": ("daemon.cli.fleet", "Bring servers and contracts in from files."),
    "export": ("daemon.cli.fleet", "Write servers and contracts to a file that import takes."),
    "run": (
        "daemon.cli.run",
        "Watch over all contracts and back servers up in time: the daemon.",
    ),
    "backup-now": (
        "daemon.cli.backups",
        "Back servers up, one after the other, and verify what was stored.",
    ),
    "provider-snapshot": (
        "daemon.cli.provider_snapshots",
        "Let the provider copy a server's disks; ssh is not needed.",
    ),
    "verify": ("daemon.cli.verification", "Prove a run's data anew."),
    "restore": ("daemon.cli.restoration", "Restore a run into a folder or onto another server."),
    "history": ("daemon.cli.history", "Past runs, newest first."),
    "repository": ("daemon.cli.repository", "Any restic repository: no settings needed."),
    "show": ("daemon.cli.history", "Everything about one run, and how to open it with restic."),
}


class _OnDemand(TyperGroup):
    """Knows its commands by name only, and imports the one that is called."""

    def resolve_command(  # type: ignore[override,unused-ignore] # typer keeps these types private
        self,
        ctx: Any,  # noqa: ANN401 - typer keeps this type private
        args: list[str],
    ) -> Any:  # noqa: ANN401 - likewise
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name and stand_in else None, rest


def load_command(name: str) -> Any:  # noqa: ANN401 - typer keeps this type private
    """The command `name` itself, with its module imported."""
    module, _ = COMMANDS[name]
    with importing(module):
        loaded = get_command(import_module(module).app)
    return getattr(loaded, "commands", {}).get(name, loaded)


app = typer.Typer(
    name=PROGRAM,
    cls=_OnDemand,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 done and verified, 1 failed, 2 usage or settings, 3 incomplete, "
        "130 interrupted. Global options may stand anywhere on the line."
    ),
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        raise typer.Exit


@app.callback()
def _globals(
    ctx: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings file.", show_default=False)
    ] = None,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Say more; -vv still more.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say errors only.")] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Log JSON objects, as under systemd.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Save a server's data before its contract lapses."""
    ctx.obj = Invocation(config=config, verbosity=-1 if quiet else verbose, log_json=log_json)


def _register() -> None:
    for name, (_, summary) in COMMANDS.items():
        app.command(name, help=summary)(lambda: None)


_register()


def execute(arguments: Sequence[str]) -> int:
    """Run one command line to its end.

    Returns:
        The exit code; see `daemon.errors.ExitCode`.
    """
    forward = bring_forward(arguments)
    try:
        result = get_command(app).main(args=forward, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has closed it, as `head` does; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that catches all
        return report(error, forward)
    if result == ExitCode.INTERRUPTED:
        return report(KeyboardInterrupt(), forward)
    return result if isinstance(result, int) else ExitCode.DONE


def main() -> None:
    """The console script `lapseguard`."""
    _prepare_process()
    _leave(execute(sys.argv[1:]))


def backup_now() -> None:
    """The console script `backup-now`: `lapseguard backup-now` by a shorter name."""
    _prepare_process()
    _leave(execute(["backup-now", *sys.argv[1:]]))


def _leave(code: int) -> NoReturn:
    """End the process without waiting for any thread, and without taking the program apart.

    Python waits for the threads of pools, and one of them may wait for a store that does not
    answer; and it gives back each object by itself, which takes longer than many a command.
    Everything that has to be put in order has been by now, or is at hand of `atexit`.
    """
    if code != ExitCode.INTERRUPTED:
        atexit._run_exitfuncs()  # noqa: SLF001 - the one way to call them
    # Safe to pass over: whoever read our output is gone.
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _prepare_process() -> None:
    """Never fail on a character that the terminal cannot show; end as told."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    _end_on_signals()


def _end_on_signals() -> None:
    """Let a service manager or a closing terminal end us as cleanly as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        # `nohup` asks for hang-ups to be ignored; leave it so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
