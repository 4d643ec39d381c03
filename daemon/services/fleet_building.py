"""From what files say to the servers and contracts that are wanted."""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from daemon.domain.contract import Contract, ContractState, Expiry
from daemon.domain.fleet import Fleet, Problem
from daemon.domain.phase import Course, Phase
from daemon.domain.server import Server
from daemon.errors import InvalidValue, UnknownTimeZone
from daemon.services.fleet_draft import Draft, given, problem_of
from daemon.services.fleet_entries import Entry, FleetEntries
from daemon.services.fleet_servers import build_server
from daemon.services.fleet_tables import ContractTable, PhaseTable
from daemon.services.registry import expiry_of
from daemon.settings.problems import nearest

_SOUND_EXPIRY: Final = Expiry(text="2000-01-01")
#: Looking through thousands of names takes long, and nobody reads that many suggestions.
_MOST_SUGGESTIONS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What is wanted.

    Attributes:
        fleet: What could be built.
        closed: Names of contracts that were closed, and that the files have as they were.
        problems: Why the rest could not be built.
    """

    fleet: Fleet
    closed: tuple[str, ...]
    problems: tuple[Problem, ...]


def build(entries: FleetEntries, recorded: Fleet, now: datetime) -> Built:
    """The fleet that the entries mean.

    Args:
        entries: What the files say.
        recorded: What there is; entries that say only part of a thing are completed by it, and a
            server keeps its pinned key where they do not name one.
        now: When what is new is recorded.
    """
    known = {server.name: server for server in recorded.servers}
    old = {contract.name: contract for contract in recorded.contracts}
    closed = {name for name, each in old.items() if each.state is ContractState.CLOSED}
    problems = list(_strangers(entries, known, closed))
    servers = [build_server(each, known.get(each.name), now, problems) for each in entries.servers]
    built = [_contract(entry, old.get(entry.name), now, problems) for entry in entries.contracts]
    contracts = [contract for contract in built if contract is not None]
    return Built(
        fleet=Fleet(
            servers=tuple(server for server in servers if server is not None),
            contracts=tuple(each for each in contracts if each.name not in closed),
        ),
        closed=tuple(sorted(each.name for each in contracts if each.name in closed)),
        problems=tuple(problems),
    )


@functools.lru_cache(maxsize=1)
def _sound_contract(now: datetime) -> Contract:
    return Contract(name="x", provider="x", subject="x", expiry=_SOUND_EXPIRY, created_at=now)


def _contract(
    entry: Entry[ContractTable], old: Contract | None, now: datetime, problems: list[Problem]
) -> Contract | None:
    sound = _sound_contract(now)
    partial = old if not entry.whole else None
    values = given(entry)
    if partial is None:
        values = {"subject": None, **values, "created_at": now if old is None else old.created_at}
    phases = values.pop("phases", ())
    text, zone = values.pop("expires", None), values.pop("timezone", None)
    draft = Draft(entry=entry, sound=sound, base=partial or sound, values=values)
    _put_course(draft, phases)
    _put_expiry(draft, text, zone, partial)
    if partial is None or "provider" in values:
        draft.require("provider")
    contract = draft.finish()
    if contract and old and old.state is ContractState.CLOSED and contract.expiry != old.expiry:
        draft.problems.append(_is_closed(entry, old))
    problems.extend(draft.problems)
    return contract


def _put_course(draft: Draft[Contract], phases: Iterable[PhaseTable]) -> None:
    """Phases in the file override; a whole entry without any goes back to the preset."""
    if "phases" not in draft.entry.table.model_fields_set:
        return
    try:
        steps = tuple(Phase(**dict(phase)) for phase in phases)
        draft.values["course"] = Course(phases=steps) if steps else None
    except InvalidValue as error:
        draft.problems.append(problem_of(draft.entry, "phases", error))


def _put_expiry(
    draft: Draft[Contract], text: str | None, zone: str | None, old: Contract | None
) -> None:
    entry = draft.entry
    if old is not None and "timezone" not in entry.table.model_fields_set:
        zone = old.expiry.timezone
    if text is None and old is not None:
        text = old.expiry.text
    if (old is None or old.expiry.timezone != zone) and (fault := _zone_fault(zone)):
        draft.problems.append(problem_of(entry, "timezone", fault))
    elif text:
        try:
            draft.values["expiry"] = Expiry(text=text, timezone=zone)
        except InvalidValue as error:
            draft.problems.append(problem_of(entry, "expires", error))
    elif "expires" not in entry.broken:
        draft.problems.append(entry.problem("expires", "is missing"))


@functools.lru_cache(maxsize=1024)
def _zone_fault(zone: str | None) -> UnknownTimeZone | None:
    """What is wrong with a zone; suggestions take long, and thousands of rows may share one."""
    try:
        expiry_of(_SOUND_EXPIRY.text, zone)
    except UnknownTimeZone as error:
        return error
    return None


def _strangers(
    entries: FleetEntries, recorded: Mapping[str, Server], closed: Collection[str]
) -> Iterator[Problem]:
    """Contracts that name a server which nobody has heard of."""
    known = recorded.keys() | {entry.name for entry in entries.servers}
    suggestions = 0
    for entry in entries.contracts:
        for name in entry.table.servers:
            if name not in known and entry.name not in closed:
                suggestions += 1
                near = nearest(name, known) if known and suggestions <= _MOST_SUGGESTIONS else ""
                text = f"names {name!r}, which is neither registered nor in these files"
                yield entry.problem("servers", text + (near if "did you" in near else ""))


def _is_closed(entry: Entry[ContractTable], old: Contract) -> Problem:
    return entry.problem(
        "expires",
        f"differs, but the contract was closed by {old.closed_by}: {old.closed_reason}",
        "Give what follows it a name of its own.",
    )
