"""The audit trail: what was changed, by whom, in a chain of hashes that shows later tampering.

Each event's hash covers its own content and the hash before it. That stops silent edits of single
events; it does not stop somebody who rewrites the whole trail, so its head is worth keeping
elsewhere (see `AuditHead`).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from daemon.domain.canonical import JsonObject, write_canonical
from daemon.domain.instant import as_utc, write_instant

AUDIT_TYPE: Final = "lapseguard-audit-v1"
#: What the first event names as the hash before it.
NO_HASH: Final = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One immutable fact.

    Attributes:
        sequence: 1 for the first, then without gaps.
        at: When (UTC).
        actor: The person or the process that did it.
        kind: What happened, as `noun.past-tense`: `contract.renewed`.
        subject: What it happened to: the name of a server or contract, the id of a run.
        payload: More about it: a canonical JSON object, as text.
        previous_hash: Of the event before it, in hex.
        hash: Of this one, in hex.
    """

    sequence: int
    at: datetime
    actor: str
    kind: str
    subject: str
    payload: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """Where a trail ends. Kept outside, it betrays a trail that was shortened or rewritten."""

    sequence: int
    hash: str


#: The head of a trail that has not begun.
NO_EVENTS: Final = AuditHead(sequence=0, hash=NO_HASH)


def chain(
    head: AuditHead, *, at: datetime, actor: str, kind: str, subject: str, payload: JsonObject
) -> AuditEvent:
    """The event that follows `head`.

    Raises:
        InvalidValue: `at` is naive, or `payload` has no canonical spelling.
    """
    event = AuditEvent(
        sequence=head.sequence + 1,
        at=as_utc(at),
        actor=actor,
        kind=kind,
        subject=subject,
        payload=write_canonical(payload).decode(),
        previous_hash=head.hash,
        hash="",
    )
    return replace(event, hash=_digest(event))


def head_of(event: AuditEvent) -> AuditHead:
    """The head of a trail that ends with `event`."""
    return AuditHead(sequence=event.sequence, hash=event.hash)


def verify_chain(events: Iterable[AuditEvent], head: AuditHead = NO_EVENTS) -> tuple[str, ...]:
    """What is wrong with the events that follow `head`, one sentence each; none means sound.

    Args:
        events: In the order of their sequence.
        head: Where the trail stood before the first of them.
    """
    problems: list[str] = []
    for event in events:
        if event.sequence != head.sequence + 1:
            problems.append(f"Event {event.sequence} follows event {head.sequence}.")
        if event.previous_hash != head.hash:
            problems.append(f"Event {event.sequence} does not name the hash of the one before it.")
        if _digest(event) != event.hash:
            problems.append(f"Event {event.sequence} is not what was recorded.")
        head = head_of(event)
    return tuple(problems)


def _digest(event: AuditEvent) -> str:
    """The hash that belongs to an event, whatever it claims."""
    content: JsonObject = {
        "type": AUDIT_TYPE,
        "sequence": event.sequence,
        "at": write_instant(event.at),
        "actor": event.actor,
        "kind": event.kind,
        "subject": event.subject,
        "payload": event.payload,
        "previous_hash": event.previous_hash,
    }
    return hashlib.sha256(write_canonical(content)).hexdigest()
