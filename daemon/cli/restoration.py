"""`lapseguard restore`: give a run's data back."""

from pathlib import Path
from typing import Final

import typer

from daemon.cli.opening import open_configuration
from daemon.cli.output import JsonOption, Output, YesOption
from daemon.cli.restore_options import (
    DryRunOption,
    IncludeOption,
    LeaveOutOption,
    MaybeTargetOption,
    OverwriteOption,
    OwnersOption,
    StagingLimitOption,
    StagingOption,
    SudoThereOption,
    ToOption,
    bytes_from,
    order_from,
)
from daemon.cli.server_options import HostKeyOption, IdentityOption, PortOption, ScanOption
from daemon.cli.verification import RunArgument
from daemon.errors import UsageError
from daemon.importing import importing
from daemon.services.early_key import EarlyKeys

app: Final = typer.Typer(name="restore")


@app.command()
def restore(
    ctx: typer.Context,
    run: RunArgument,
    *,
    target: MaybeTargetOption = None,
    to: ToOption = None,
    include: IncludeOption = None,
    exclude: LeaveOutOption = None,
    owners: OwnersOption = None,
    port: PortOption = 22,
    identity: IdentityOption = None,
    host_key: HostKeyOption = None,
    scan: ScanOption = False,
    sudo: SudoThereOption = False,
    overwrite: OverwriteOption = False,
    staging: StagingOption = None,
    staging_limit: StagingLimitOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Restore a run into a folder or onto another server; paths below it are the server's."""
    output = Output.of(ctx, as_json=as_json)
    if (target is None) == (to is None):
        raise UsageError("Exactly one of --target and --to is needed.")
    configuration = open_configuration(ctx)
    with EarlyKeys(configuration) as keys:
        keys.guess(run)
        with importing("daemon.cli.giving_back"):
            from daemon.cli import giving_back  # noqa: PLC0415 - loaded while the key is derived
        order = order_from(target or Path(to or ""), include, exclude, owners=owners)
        if target is not None and not dry_run:
            giving_back.check_target(target)
        wanted = giving_back.WantedRun(named=run, writes=not dry_run)
        with giving_back.open_run(ctx, configuration, wanted, keys, output) as opened:
            if dry_run:
                return giving_back.say_preview_of(output, opened, order, local=to is None)
            if to is None:
                return giving_back.give_back(ctx, output, opened.restoration, order)
            from daemon.cli.replacement import Login, Wanted, restore_to  # noqa: PLC0415 - paramiko

            elsewhere = Wanted(
                to=to,
                login=Login(port=port, identity=identity, host_key=host_key, scan=scan, yes=yes),
                sudo=sudo,
                overwrite=overwrite,
                include=order.include,
                exclude=order.exclude,
                staging=staging,
                staging_limit=bytes_from(staging_limit),
            )
            return restore_to(ctx, opened, elsewhere, output)
