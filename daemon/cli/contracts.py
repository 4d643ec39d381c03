"""`lapseguard contract`: what keeps servers alive, and until when."""

from datetime import datetime
from typing import Annotated, Final

import typer

from daemon.cli.opening import open_application
from daemon.cli.output import Json, JsonOption, Output, instant, span
from daemon.domain.contract import Contract
from daemon.domain.status import ending_of
from daemon.services.registry import NewContract, expiry_of

app: Final = typer.Typer(
    name="contract", no_args_is_help=True, help="The contracts that keep servers alive."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The contract's name here.")]
TimezoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="IANA zone of that date; without one the earliest on earth is assumed.",
        show_default=False,
    ),
]


@app.command()
def add(
    ctx: typer.Context,
    name: NameArgument,
    *,
    server: Annotated[list[str], typer.Option(help="Server that lives by it; repeat for more.")],
    provider: Annotated[str, typer.Option(help="Whose contract it is.")],
    expires: Annotated[
        str, typer.Option(metavar="DATE", help="2026-12-31 or 2026-12-31T18:00, as it says.")
    ],
    timezone: TimezoneOption = None,
    reference: Annotated[
        str | None, typer.Option(help="The provider's number for it.", show_default=False)
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="The account it is billed to.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record a contract and when it ends."""
    new = NewContract(
        name=name,
        provider=provider,
        servers=tuple(server),
        expiry=expiry_of(expires, timezone),
        reference=reference,
        account=account,
    )
    with open_application(ctx) as application:
        contract = application.registry.add_contract(new)
        _answer(ctx, contract, application.clock.now(), as_json=as_json)


@app.command("list")
def list_contracts(
    ctx: typer.Context,
    *,
    closed: Annotated[bool, typer.Option("--closed", help="Show closed ones too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the contracts, the one that ends first on top."""
    output = Output.of(ctx, as_json=as_json)
    with open_application(ctx) as application:
        now = application.clock.now()
        contracts = application.registry.contracts(closed=closed)
    if as_json:
        output.document([_contract_json(contract, now) for contract in contracts])
        return
    rows = [
        (c.name, c.provider, "\n".join(c.servers), str(c.expiry), _left(c, now)) for c in contracts
    ]
    empty = "No contract is recorded. Add one: lapseguard contract add --help"
    output.table(("contract", "provider", "servers", "expires", ">left"), rows, empty=empty)


@app.command()
def show(ctx: typer.Context, name: NameArgument, *, as_json: JsonOption = False) -> None:
    """Show one contract."""
    with open_application(ctx) as application:
        contract = application.registry.contract(name)
        _answer(ctx, contract, application.clock.now(), as_json=as_json)


@app.command()
def renew(
    ctx: typer.Context,
    name: NameArgument,
    *,
    until: Annotated[str, typer.Option(metavar="DATE", help="When it ends now.")],
    evidence: Annotated[
        str, typer.Option(help="Why it is believed: an order number, a mail, a screenshot.")
    ],
    timezone: TimezoneOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Accept a date that is past or earlier.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Record that a contract was prolonged: by whom, when, and on what evidence."""
    with open_application(ctx) as application:
        zone = timezone or application.registry.contract(name).expiry.timezone
        contract = application.registry.renew_contract(
            name, expiry_of(until, zone), evidence=evidence, force=force
        )
        _answer(ctx, contract, application.clock.now(), as_json=as_json)


@app.command()
def close(
    ctx: typer.Context,
    name: NameArgument,
    *,
    reason: Annotated[str, typer.Option(help="Such as migrated, or let lapse.")],
    as_json: JsonOption = False,
) -> None:
    """Record that a contract no longer matters; nothing is planned for it any more."""
    with open_application(ctx) as application:
        contract = application.registry.close_contract(name, reason=reason)
        _answer(ctx, contract, application.clock.now(), as_json=as_json)


def _answer(ctx: typer.Context, contract: Contract, now: datetime, *, as_json: bool) -> None:
    output = Output.of(ctx, as_json=as_json)
    if as_json:
        output.document(_contract_json(contract, now))
        return
    output.fields(
        (
            ("contract", contract.name),
            ("provider", contract.provider),
            ("reference", contract.reference or ""),
            ("account", contract.account or ""),
            ("servers", "\n".join(contract.servers)),
            ("expires", f"{contract.expiry}, that is {instant(ending_of(contract)[0])}"),
            ("left", _left(contract, now)),
            ("closed", _closed(contract)),
        )
    )
    expires, doubt = ending_of(contract)
    if doubt:
        output.warn(doubt)
    if expires <= now and contract.closed_at is None:
        output.warn("this contract has expired already.")


def _left(contract: Contract, now: datetime) -> str:
    if contract.closed_at is not None:
        return "closed"
    left = ending_of(contract)[0] - now
    return span(left) if left.total_seconds() > 0 else f"expired {span(-left)} ago"


def _closed(contract: Contract) -> str:
    if contract.closed_at is None:
        return ""
    return f"{instant(contract.closed_at)} by {contract.closed_by}: {contract.closed_reason}"


def _contract_json(contract: Contract, now: datetime) -> dict[str, Json]:
    expires, _ = ending_of(contract)
    return {
        "contract": contract.name,
        "provider": contract.provider,
        "reference": contract.reference,
        "account": contract.account,
        "servers": list(contract.servers),
        "expires": instant(expires),
        "expiry": contract.expiry.text,
        "timezone": contract.expiry.timezone,
        "precision": contract.expiry.precision.value,
        "days_left": round((expires - now).total_seconds() / 86400, 2),
        "state": contract.state.value,
        "closed_reason": contract.closed_reason,
        "closed_by": contract.closed_by,
        "closed_at": instant(contract.closed_at) or None,
        "created_at": instant(contract.created_at),
    }
