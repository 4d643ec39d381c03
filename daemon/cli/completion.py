"""Names that the shell completes: what this installation has, read when TAB is pressed.

Nothing here may print or fail: a shell that waits for words has no use for an error. So whatever
goes wrong, there are no words, and the command itself will say why.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from daemon.cli.invocation import Invocation

if TYPE_CHECKING:
    from daemon.bootstrap import Application
    from daemon.store.names import Names


def complete_server(ctx: typer.Context, incomplete: str) -> Sequence[str]:
    """Registered servers."""
    return _names(ctx, lambda names: names.servers(incomplete))


def complete_contract(ctx: typer.Context, incomplete: str) -> Sequence[str]:
    """Contracts that are not closed."""
    return _names(ctx, lambda names: names.contracts(incomplete))


def complete_run(ctx: typer.Context, incomplete: str) -> Sequence[str]:
    """The newest runs."""
    return _names(ctx, lambda names: names.runs(incomplete))


def complete_run_or_server(ctx: typer.Context, incomplete: str) -> Sequence[str]:
    """Servers, then runs."""
    return _names(ctx, lambda names: (*names.servers(incomplete), *names.runs(incomplete)))


def complete_dump(ctx: typer.Context, incomplete: str) -> Sequence[str]:
    """Dumps of the server that is named before."""
    server = ctx.params.get("server") or ""
    dumps = _ask(ctx, lambda known: [dump.name for dump in known.registry.server(server).dumps])
    return [name for name in dumps if name.startswith(incomplete)]


def complete_one_of(words: Sequence[str]) -> Callable[[str], list[str]]:
    """Any of a few words that are always the same."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def complete_store(ctx: typer.Context, incomplete: str) -> Sequence[str]:
    """Stores that the settings name."""
    stores = _ask(ctx, lambda application: sorted(application.configuration.settings.stores))
    return [name for name in stores if name.startswith(incomplete)]


def complete_preset(incomplete: str) -> Sequence[str]:
    """What the catalogue has."""
    from daemon.presets.catalogue import load_catalogue  # noqa: PLC0415 - not before TAB

    return [name for name in load_catalogue().names if name.startswith(incomplete)]


def _names(ctx: typer.Context, choose: "Callable[[Names], Sequence[str]]") -> Sequence[str]:
    def read(application: "Application") -> Sequence[str]:
        with application.units(read_only=True) as work:
            return choose(work.names)

    return _ask(ctx, read)


def _ask(ctx: typer.Context, read: "Callable[[Application], Sequence[str]]") -> Sequence[str]:
    from daemon.cli.opening import open_application  # noqa: PLC0415 - not before TAB

    named = ctx.find_root().params.get("config")
    ctx.obj = Invocation(config=Path(named) if named else None, verbosity=-1)
    try:
        with open_application(ctx) as application:
            return read(application)
    except Exception:  # noqa: BLE001 - whatever it is, TAB offers nothing
        return ()
