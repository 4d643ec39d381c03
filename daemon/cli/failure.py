"""How a command that fails says so: what, why, what next; and with which exit code it ends."""

import json
import sys
import traceback
from collections.abc import Sequence

import typer

from daemon.errors import ExitCode, code_for, exit_code_for, hint_for
from daemon.printable import printable_lines


def report(error: BaseException, arguments: Sequence[str], *, subject: str = "") -> ExitCode:
    """Tell the person or the program that called us about `error`.

    Args:
        error: What ended the command.
        arguments: The command line, global options first: with `--json` the report is one JSON
            document on standard output, with `-v` the traceback goes to standard error.
        subject: What it concerns, where a command deals with several things.

    Returns:
        The exit code to end with.
    """
    code, message, hint, exit_code = _describe(error)
    if not message:
        # A group called without a command has shown its help already.
        return exit_code
    if _is_verbose(arguments) and not isinstance(error, typer.TyperException):
        sys.stderr.write(printable_lines("".join(traceback.format_exception(error))) + "\n")
    if "--json" in arguments:
        document = {"error": {"code": code, "message": message, "hint": hint}}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stderr.write(printable_lines(f"error: {subject}{message}") + "\n")
        sys.stderr.write(printable_lines(f" next: {hint}") + "\n")
    return exit_code


def _describe(error: BaseException) -> tuple[str, str, str, ExitCode]:
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "lapseguard"
        hint = f"`{command} --help` shows what it takes."
        return "UsageError", error.format_message(), hint, ExitCode.USAGE
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        interrupt = KeyboardInterrupt()
        return code_for(interrupt), "Interrupted.", hint_for(interrupt), ExitCode.INTERRUPTED
    message = str(error) or type(error).__name__
    if code_for(error) == "InternalError":
        message = f"Something unforeseen: {type(error).__name__}: {message}"
    return code_for(error), message, hint_for(error), exit_code_for(error)


def _is_verbose(arguments: Sequence[str]) -> bool:
    return any(a == "--verbose" or (a.startswith("-v") and set(a[1:]) == {"v"}) for a in arguments)
