"""How contracts are shown: as fields and tables for people, as JSON for programs."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from daemon.cli.output import Json, Output, instant, span
from daemon.cli.phase_output import PHASE_COLUMNS, phase_row, phases_json
from daemon.domain.acknowledgement import Acknowledgement
from daemon.domain.contract import Contract, Renewal
from daemon.services.contract_facts import ContractFacts, ContractRecord


def answer(output: Output, facts: ContractFacts, now: datetime) -> None:
    """Print one contract as it is now, with warnings on standard error."""
    if output.as_json:
        output.document(contract_json(facts, now))
        return
    output.fields(_fields(facts, now))
    for sentence in _warnings(facts, now):
        output.warn(sentence)


def answer_record(output: Output, record: ContractRecord, now: datetime) -> None:
    """Print one contract, its phases, and everything that people did about it."""
    facts = record.facts
    if output.as_json:
        output.document(_record_json(record, now))
        return
    output.fields(_fields(facts, now))
    output.say("")
    timeline = facts.life.timeline
    rows = [phase_row(phase, timeline.expires) for phase in timeline.course.phases]
    output.table(PHASE_COLUMNS, rows)
    if record.renewals:
        output.say("")
        output.table(("renewed at", "by", "until", "evidence"), map(_renewal_row, record.renewals))
    if record.acknowledgements:
        output.say("")
        decisions = [_decision_row(each, facts.contract) for each in record.acknowledgements]
        output.table(("decided at", "by", "decision", "reason", "holds"), decisions)
    for sentence in _warnings(facts, now):
        output.warn(sentence)


def answer_list(output: Output, contracts: Iterable[ContractFacts], now: datetime) -> None:
    """Print contracts, a line each."""
    if output.as_json:
        output.document([contract_json(facts, now) for facts in contracts])
        return
    empty = "No contract is recorded. Add one: lapseguard contract add --help"
    columns = ("contract", "provider", "keeps alive", "expires", "stops", "released", ">stops in")
    output.table(columns, [_row(facts, now) for facts in contracts], empty=empty)


def contract_json(facts: ContractFacts, now: datetime) -> dict[str, Json]:
    """One contract and what it means."""
    contract, timeline = facts.contract, facts.life.timeline
    return {
        "contract": contract.name,
        "provider": contract.provider,
        "reference": contract.reference,
        "account": contract.account,
        "servers": list(contract.servers),
        "stores": list(contract.stores),
        "subject": contract.subject,
        "labels": list(contract.labels),
        "expires": instant(timeline.expires),
        "expiry": contract.expiry.text,
        "timezone": contract.expiry.timezone,
        "precision": contract.expiry.precision.value,
        "days_left": round((timeline.expires - now).total_seconds() / 86400, 2),
        "preset": contract.preset,
        "overridden": contract.course is not None,
        "phase": timeline.phase(now).name,
        "stop_at": instant(timeline.stop_at),
        "release_at": instant(timeline.release_at),
        "phases": phases_json(timeline.course, timeline.expires),
        "state": contract.state.value,
        "closed_reason": contract.closed_reason,
        "closed_by": contract.closed_by,
        "closed_at": instant(contract.closed_at) or None,
        "created_at": instant(contract.created_at),
        "warnings": list(_warnings(facts, now)),
        "suggested_presets": list(facts.suggestions),
    }


def acknowledgement_json(acknowledgement: Acknowledgement, contract: Contract) -> dict[str, Json]:
    """One decision, and whether it is still about the contract's present end."""
    return {
        "contract": acknowledgement.contract,
        "decision": acknowledgement.decision.value,
        "until": instant(acknowledgement.until) or None,
        "reason": acknowledgement.reason,
        "who": acknowledgement.who,
        "at": instant(acknowledgement.at),
        "expiry": acknowledgement.expiry.text,
        "timezone": acknowledgement.expiry.timezone,
        "holds": acknowledgement.holds_for(contract.expiry),
    }


def _record_json(record: ContractRecord, now: datetime) -> dict[str, Json]:
    contract = record.facts.contract
    return contract_json(record.facts, now) | {
        "renewals": [_renewal_json(renewal) for renewal in record.renewals],
        "acknowledgements": [
            acknowledgement_json(each, contract) for each in record.acknowledgements
        ],
    }


def _renewal_json(renewal: Renewal) -> dict[str, Json]:
    return {
        "old_expiry": renewal.old_expiry.text,
        "old_timezone": renewal.old_expiry.timezone,
        "new_expiry": renewal.new_expiry.text,
        "new_timezone": renewal.new_expiry.timezone,
        "evidence": renewal.evidence,
        "who": renewal.who,
        "at": instant(renewal.at),
    }


def _fields(facts: ContractFacts, now: datetime) -> Iterator[tuple[str, str]]:
    contract, timeline = facts.contract, facts.life.timeline
    yield "contract", contract.name
    yield "provider", contract.provider
    yield "reference", contract.reference or ""
    yield "account", contract.account or ""
    yield "servers", "\n".join(contract.servers)
    yield "stores", "\n".join(contract.stores)
    yield "subject", contract.subject or ""
    yield "labels", ", ".join(contract.labels)
    yield "preset", _preset(contract)
    yield "expires", f"{contract.expiry}, that is {instant(timeline.expires)}"
    yield "stops", f"{instant(timeline.stop_at)}{_in(timeline.stop_at, now)}"
    yield "released", f"{instant(timeline.release_at)}{_in(timeline.release_at, now)}"
    yield "phase", timeline.phase(now).name
    yield "closed", _closed(contract)


def _preset(contract: Contract) -> str:
    if contract.course is None:
        return contract.preset or ""
    overridden = f", instead of {contract.preset}" if contract.preset else ""
    return f"(phases of its own{overridden})"


def _in(at: datetime, now: datetime) -> str:
    left = at - now
    return f", in {span(left)}" if left > timedelta() else f", {span(-left)} ago"


def _closed(contract: Contract) -> str:
    if contract.closed_at is None:
        return ""
    return f"{instant(contract.closed_at)} by {contract.closed_by}: {contract.closed_reason}"


def _warnings(facts: ContractFacts, now: datetime) -> Iterator[str]:
    """What a person should look at, a sentence each; nothing about a closed contract."""
    if facts.contract.closed_at is not None:
        return
    timeline = facts.life.timeline
    yield from facts.life.doubts
    if facts.preset is not None and facts.foreign:
        yield f"The preset {facts.preset.name} is about another provider, {facts.preset.provider}."
    if facts.suggestions:
        names = ", ".join(facts.suggestions)
        yield f"Perhaps a preset fits: {names}. See `lapseguard preset show NAME`."
    if timeline.release_at <= now:
        yield "By its phases, the data is destroyed already."
    elif timeline.stop_at <= now:
        yield "By its phases, what lives by it has stopped already."
    elif timeline.expires <= now:
        yield "It has expired already."


def _row(facts: ContractFacts, now: datetime) -> tuple[str, ...]:
    contract, timeline = facts.contract, facts.life.timeline
    kept = (*contract.servers, *contract.stores, *filter(None, [contract.subject]))
    return (
        contract.name,
        contract.provider,
        "\n".join(kept),
        str(contract.expiry),
        f"{timeline.stop_at:%Y-%m-%d %H:%MZ}",
        f"{timeline.release_at:%Y-%m-%d %H:%MZ}",
        "closed" if contract.closed_at is not None else _left(timeline.stop_at, now),
    )


def _left(stop_at: datetime, now: datetime) -> str:
    left = stop_at - now
    return span(left) if left > timedelta() else f"stopped {span(-left)} ago"


def _renewal_row(renewal: Renewal) -> tuple[str, ...]:
    return instant(renewal.at), renewal.who, str(renewal.new_expiry), renewal.evidence


def _decision_row(acknowledgement: Acknowledgement, contract: Contract) -> tuple[str, ...]:
    decision, until = acknowledgement.decision.value, acknowledgement.until
    holds = acknowledgement.holds_for(contract.expiry)
    return (
        instant(acknowledgement.at),
        acknowledgement.who,
        decision if until is None else f"{decision} until {instant(until)}",
        acknowledgement.reason,
        "yes" if holds else f"no, it was about {acknowledgement.expiry}",
    )
