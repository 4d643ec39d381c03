"""`lapseguard contract`: what keeps servers alive, and until when."""

from dataclasses import replace
from typing import Annotated, Any, Final

import typer

from daemon.bootstrap import Application
from daemon.cli.contract_decisions import acknowledge, close, renew
from daemon.cli.contract_options import (
    AccountOption,
    LabelOption,
    NameArgument,
    PhaseOption,
    PresetOption,
    ReferenceOption,
    SameFateOption,
    ServerOption,
    StoreOption,
    SubjectOption,
    TimezoneOption,
    course_from,
)
from daemon.cli.contract_output import answer, answer_list, answer_record
from daemon.cli.opening import open_application
from daemon.cli.output import JsonOption, Output
from daemon.cli.repeated import texts_from
from daemon.domain.contract import Contract
from daemon.errors import UsageError
from daemon.services.contract_facts import NewContract
from daemon.services.registry import expiry_of

app: Final = typer.Typer(
    name="contract", no_args_is_help=True, help="The contracts that keep servers alive."
)


@app.command()
def add(
    ctx: typer.Context,
    name: NameArgument,
    *,
    provider: Annotated[str, typer.Option(help="Whose contract it is.")],
    expires: Annotated[
        str, typer.Option(metavar="DATE", help="2026-12-31 or 2026-12-31T18:00, as it says.")
    ],
    server: ServerOption = None,
    store: StoreOption = None,
    subject: SubjectOption = None,
    timezone: TimezoneOption = None,
    preset: PresetOption = None,
    phase: PhaseOption = None,
    reference: ReferenceOption = None,
    account: AccountOption = None,
    label: LabelOption = None,
    accept_same_fate: SameFateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record a contract: when it ends, and what happens then."""
    new = NewContract(
        name=name,
        provider=provider,
        servers=texts_from(server) or (),
        stores=texts_from(store) or (),
        subject=subject or None,
        expiry=expiry_of(expires, timezone),
        reference=reference or None,
        account=account or None,
        preset=preset or None,
        course=course_from(phase),
        labels=texts_from(label) or (),
    )
    with open_application(ctx) as application:
        _require_stores(application, new.stores)
        registry = application.registry
        contract = registry.add_contract(new, accept_same_fate=accept_same_fate)
        answer(Output.of(ctx, as_json=as_json), registry.facts(contract), application.clock.now())


@app.command()
def update(
    ctx: typer.Context,
    name: NameArgument,
    *,
    provider: Annotated[
        str | None, typer.Option(help="Whose contract it is.", show_default=False)
    ] = None,
    server: ServerOption = None,
    store: StoreOption = None,
    subject: SubjectOption = None,
    preset: PresetOption = None,
    phase: PhaseOption = None,
    reference: ReferenceOption = None,
    account: AccountOption = None,
    label: LabelOption = None,
    accept_same_fate: SameFateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change what is given; lists replace the old ones, '' takes away. Dates: see `renew`."""
    texts = {"reference": reference, "account": account, "subject": subject, "preset": preset}
    lists = {"servers": server, "stores": store, "labels": label}
    changes: dict[str, Any] = {key: text or None for key, text in texts.items() if text is not None}
    changes |= {key: texts_from(given) for key, given in lists.items() if given}
    if provider is not None:
        changes["provider"] = provider
    if phase:
        changes["course"] = course_from(phase)
    if not changes and not accept_same_fate:
        raise UsageError("Nothing to change is given.")

    def change(contract: Contract) -> Contract:
        return replace(contract, **changes)

    with open_application(ctx) as application:
        _require_stores(application, changes.get("stores", ()))
        registry = application.registry
        contract = registry.change_contract(name, change, accept_same_fate=accept_same_fate)
        answer(Output.of(ctx, as_json=as_json), registry.facts(contract), application.clock.now())


@app.command("list")
def list_contracts(
    ctx: typer.Context,
    *,
    closed: Annotated[bool, typer.Option("--closed", help="Show closed ones too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the contracts, the one whose servers stop first on top."""
    with open_application(ctx) as application:
        now = application.clock.now()
        contracts = application.registry.contracts(closed=closed)
    answer_list(Output.of(ctx, as_json=as_json), contracts, now)


@app.command()
def show(ctx: typer.Context, name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Show one contract with its phases, its renewals, and what was decided about it."""
    with open_application(ctx) as application:
        now = application.clock.now()
        record = application.registry.contract_record(name)
    answer_record(Output.of(ctx, as_json=as_json), record, now)


app.command("renew")(renew)
app.command("ack")(acknowledge)
app.command("close")(close)


def _require_stores(application: Application, names: tuple[str, ...]) -> None:
    """Raise NotFound for a store that the settings do not have; it could be a slip."""
    for name in names:
        application.configuration.store(name)
