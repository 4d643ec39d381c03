"""`lapseguard contract renew`, `ack` and `close`: what people did and decided about contracts."""

from typing import Annotated

import typer

from daemon.cli.contract_options import NameArgument, TimezoneOption
from daemon.cli.contract_output import acknowledgement_json, answer
from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output, instant
from daemon.domain.acknowledgement import Decision
from daemon.errors import UsageError
from daemon.services.registry import expiry_of


def renew(
    ctx: typer.Context,
    name: NameArgument,
    *,
    evidence: Annotated[
        str, typer.Option(help="Why it is believed: an order number, a mail, a screenshot.")
    ],
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="When it ends now.", show_default=False)
    ] = None,
    term: Annotated[
        str | None,
        typer.Option(help="Or how long was paid for: 1y, 6mo or 30d.", show_default=False),
    ] = None,
    timezone: TimezoneOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Accept a date that is past or earlier.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Record nothing; show what would come of it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Record that a contract was prolonged: by whom, when, and on what evidence."""
    if (until is None) == (term is None):
        raise UsageError(
            "Exactly one of --until and --term is needed.",
            hint="--until names the date that the provider shows; --term counts it.",
        )
    if term is not None and timezone is not None:
        raise UsageError("A term is counted in the zone that the contract has already.")
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        if until is not None:
            zone = timezone or application.registry.contract(name).expiry.timezone
            contract = application.registry.renew_contract(
                name, expiry_of(until, zone), evidence=evidence, force=force, dry_run=dry_run
            )
        else:
            contract, how = application.registry.prolong_contract(
                name, term or "", evidence=evidence, force=force, dry_run=dry_run
            )
            output.note(how)
        answer(output, application.registry.facts(contract), application.clock.now())
    if dry_run:
        output.say("This was a dry run; nothing was recorded.")


def acknowledge(
    ctx: typer.Context,
    name: NameArgument,
    *,
    decision: Annotated[Decision, typer.Option(help="What was decided about its coming end.")],
    reason: Annotated[str, typer.Option(help="Why, in your words.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="When a snooze is over.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record what was decided about a contract's end. Backups go on, whatever it is."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        zone = application.registry.contract(name).expiry.timezone
        acknowledgement = application.registry.acknowledge_contract(
            name,
            decision,
            reason=reason,
            until=None if until is None else expiry_of(until, zone).instant(),
        )
        record = application.registry.contract_record(name)
    stop_at = record.facts.life.timeline.stop_at
    if acknowledgement.until is not None and acknowledgement.until >= stop_at:
        output.warn(f"it is snoozed beyond the stop at {instant(stop_at)}.")
    if as_json:
        output.document(acknowledgement_json(acknowledgement, record.facts.contract))
        return
    output.note(f"{name}: {decision.value} is recorded; backups go on.")


def close(
    ctx: typer.Context,
    name: NameArgument,
    *,
    reason: Annotated[str, typer.Option(help="migrated, let-lapse, or in your words.")],
    as_json: JsonOption = False,
) -> None:
    """Record that a contract no longer matters; nothing is planned for it any more."""
    with open_application(ctx) as application:
        contract = application.registry.close_contract(name, reason=reason)
        answer(
            Output.of(ctx, as_json=as_json),
            application.registry.facts(contract),
            application.clock.now(),
        )
