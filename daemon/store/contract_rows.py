"""Contracts and renewals as rows and as audit payloads, and back."""

from collections.abc import Iterable

from daemon.domain.canonical import JsonObject
from daemon.domain.contract import Contract, ContractState, Expiry, Renewal
from daemon.store.courses import course_json
from daemon.store.transaction import AnyRow


def read_contract(row: AnyRow, servers: Iterable[str]) -> Contract:
    """The contract of a row with all columns, and of its links."""
    return Contract(
        name=row.name,
        provider=row.provider,
        reference=row.reference,
        account=row.account,
        servers=tuple(servers),
        stores=row.stores,
        subject=row.subject,
        expiry=Expiry(text=row.expiry_text, timezone=row.expiry_timezone),
        preset=row.preset,
        course=row.course,
        labels=row.labels,
        state=ContractState(row.state),
        closed_reason=row.closed_reason,
        closed_by=row.closed_by,
        closed_at=row.closed_at,
        created_at=row.created_at,
    )


def contract_values(contract: Contract) -> dict[str, object]:
    """A row's values by column."""
    return {
        "name": contract.name,
        "expiry_text": contract.expiry.text,
        "expiry_timezone": contract.expiry.timezone,
        "state": contract.state.value,
        "closed_reason": contract.closed_reason,
        "closed_by": contract.closed_by,
        "closed_at": contract.closed_at,
        "created_at": contract.created_at,
        **changeable_values(contract),
    }


def changeable_values(contract: Contract) -> dict[str, object]:
    """Those of the columns that an update may change."""
    return {
        "provider": contract.provider,
        "reference": contract.reference,
        "account": contract.account,
        "stores": contract.stores,
        "subject": contract.subject,
        "preset": contract.preset,
        "course": contract.course,
        "labels": contract.labels,
    }


def link_values(contract: Contract) -> Iterable[dict[str, object]]:
    """The rows of its servers."""
    return (
        {"contract": contract.name, "server": server, "position": position}
        for position, server in enumerate(contract.servers)
    )


def contract_payload(contract: Contract) -> JsonObject:
    """What the audit trail keeps of it."""
    return {
        "provider": contract.provider,
        "reference": contract.reference,
        "account": contract.account,
        "servers": contract.servers,
        "stores": contract.stores,
        "subject": contract.subject,
        "expiry": contract.expiry.text,
        "timezone": contract.expiry.timezone,
        "preset": contract.preset,
        "course": None if contract.course is None else course_json(contract.course),
        "labels": contract.labels,
    }


def read_renewal(row: AnyRow) -> Renewal:
    """The renewal of a row."""
    return Renewal(
        contract=row.contract,
        old_expiry=Expiry(text=row.old_expiry_text, timezone=row.old_expiry_timezone),
        new_expiry=Expiry(text=row.new_expiry_text, timezone=row.new_expiry_timezone),
        evidence=row.evidence,
        who=row.who,
        at=row.at,
    )


def renewal_values(renewal: Renewal) -> dict[str, object]:
    """A row's values by column."""
    return {
        "contract": renewal.contract,
        "old_expiry_text": renewal.old_expiry.text,
        "old_expiry_timezone": renewal.old_expiry.timezone,
        "new_expiry_text": renewal.new_expiry.text,
        "new_expiry_timezone": renewal.new_expiry.timezone,
        "evidence": renewal.evidence,
        "who": renewal.who,
        "at": renewal.at,
    }


def renewal_payload(renewal: Renewal) -> JsonObject:
    """What the audit trail keeps of it."""
    return {
        "old": {"expiry": renewal.old_expiry.text, "timezone": renewal.old_expiry.timezone},
        "new": {"expiry": renewal.new_expiry.text, "timezone": renewal.new_expiry.timezone},
        "evidence": renewal.evidence,
        "who": renewal.who,
    }
