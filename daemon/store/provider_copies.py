"""Provider copies: claimed for each look with a lease and an epoch, since they take hours.

Nobody holds one while the provider works. Who looks at it claims it, asks, records what was said
and gives it back; so whoever comes next goes on with it, on any host.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select, update

from daemon.domain.canonical import JsonObject
from daemon.domain.identifier import check_run_id
from daemon.domain.instant import write_instant, write_second
from daemon.domain.machine import ProviderMachine
from daemon.domain.provider_copy import CopiedVolume, CopyState, ProviderCopy, ProviderStanding
from daemon.domain.run import RunKind
from daemon.errors import ClaimLost, RunActive
from daemon.store.missing import not_found
from daemon.store.run_rows import failure_values, read_failure
from daemon.store.tables import PROVIDER_COPIES, SERVERS
from daemon.store.transaction import AnyRow, Transaction

_C: Final = PROVIDER_COPIES.c
#: Of one server, by number: no clock can put that wrong. Of several, by what clocks say.
_BY_NUMBER: Final = (_C.number.desc(),)
_BY_TIME: Final = (_C.started_at.desc(), _C.number.desc(), _C.run.desc())


class ProviderCopies:
    """Provider copies by their run's id. Writes carry the claim; see `Runs`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def claim(
        self,
        *,
        run: str,
        server: str,
        reason: RunKind,
        machine: ProviderMachine,
        provider: str | None,
        owner: str,
        lease: timedelta,
        is_gone: Callable[[str], bool] = lambda _: False,
        is_expected: Callable[[ProviderCopy | None], bool] = lambda _: True,
    ) -> ProviderCopy:
        """Begin a copy of a server; one that is under way already is gone on with instead.

        Args:
            run: The id of a new one; see `new_run_id`.
            server: See `ProviderCopy`, as for the next two.
            reason: Likewise.
            machine: What the provider calls the server.
            provider: Likewise.
            owner: Who holds the claim.
            lease: For how long nobody else may look after it.
            is_gone: Whether an owner provably exists no more.
            is_expected: Whether the newest copy that there is, if any, is the one that whoever
                decided knew of.

        Raises:
            RunActive: somebody looks after the one under way at this moment, or the newest copy
                is not the expected one.
        """
        self._transaction.take_turn()
        there_is = _C.state != CopyState.DELETED.value
        newest = next(iter(self._find(_C.server == server, there_is, limit=1)), None)
        if newest is not None and newest.is_creating:
            return self.hold(newest.run, owner=owner, lease=lease, is_gone=is_gone)
        if not is_expected(newest):
            raise RunActive(f"Somebody else has just had a provider snapshot of {server} made.")
        now, failed = self._transaction.now(), newest and newest.state is CopyState.FAILED
        copy = ProviderCopy(
            run=check_run_id(run),
            server=server,
            reason=reason,
            kind=machine.kind,
            provider=provider,
            account=machine.account,
            region=machine.region,
            machine=machine.id,
            state=CopyState.CREATING,
            started_at=now,
            looked_at=now,
            failures=newest.failures if newest and failed else 0,
            epoch=1,
            owner=owner,
            lease_until=now + lease,
        )
        self._transaction.insert(PROVIDER_COPIES, {**_values(copy), "number": self._next(server)})
        self._transaction.record("provider_copy.claimed", run, _claim_payload(copy))
        return copy

    def hold(
        self,
        run: str,
        *,
        owner: str,
        lease: timedelta,
        is_gone: Callable[[str], bool] = lambda _: False,
    ) -> ProviderCopy:
        """Look after a copy that is on record; as it is now. Not history, so not audited.

        Raises:
            NotFound: there is no such copy.
            RunActive: somebody else looks after it at this moment.
        """
        copy, now = self.get(run), self._transaction.now()
        if copy.lease_until > now and not is_gone(copy.owner):
            raise _held(copy)
        ours = {"owner": owner, "epoch": copy.epoch + 1, "lease_until": now + lease}
        unchanged = (_C.run == run, _C.epoch == copy.epoch)
        if not self._transaction.change(update(PROVIDER_COPIES).where(*unchanged).values(ours)):
            raise _held(copy)
        return replace(copy, owner=owner, epoch=copy.epoch + 1, lease_until=now + lease)

    def save(self, copy: ProviderCopy) -> ProviderCopy:
        """Record what came of a look, and give the claim back.

        What the provider has begun, finished or refused is audited; that it has come on is not.

        Raises:
            ClaimLost: somebody else looks after it by now.
        """
        before = self.get(copy.run)
        held = (_C.run == copy.run, _C.epoch == copy.epoch)
        released = replace(copy, lease_until=min(copy.lease_until, self._transaction.now()))
        values = _values(released)
        if not self._transaction.change(update(PROVIDER_COPIES).where(*held).values(values)):
            raise ClaimLost(f"The provider snapshot {copy.run} is no longer ours.")
        if (event := _event(before, copy)) is not None:
            self._transaction.record(f"provider_copy.{event}", copy.run, _payload(copy))
        return released

    def get(self, run: str) -> ProviderCopy:
        """The copy of that id. Raises NotFound."""
        found = self._find(_C.run == run)
        if not found:
            known = self._transaction.fetch(select(_C.run).order_by(_C.started_at.desc()).limit(99))
            raise not_found("provider snapshot", run, (row.run for row in known))
        return found[0]

    def has(self, run: str) -> bool:
        """Whether there is a copy of that id."""
        return bool(self._find(_C.run == run))

    def list(
        self, *, server: str | None = None, limit: int | None = None
    ) -> tuple[ProviderCopy, ...]:
        """Copies of one server or of all, removed ones too, newest first."""
        if server is None:
            return self._find(limit=limit, order=_BY_TIME)
        return self._find(_C.server == server, limit=limit)

    def standings(self) -> Mapping[str, ProviderStanding]:
        """What planning knows of each server that has a machine on record, or copies."""
        able = select(SERVERS.c.name).where(SERVERS.c.machine.is_not(None))
        names = {row.name for row in self._transaction.fetch(able)}
        copies: Mapping[str, list[ProviderCopy]] = defaultdict(list)
        for copy in self._find(_C.state != CopyState.DELETED.value):
            copies[copy.server].append(copy)
        return {
            server: ProviderStanding(can_copy=server in names, copies=tuple(copies[server]))
            for server in sorted({*names, *copies})
        }

    def _next(self, server: str) -> int:
        highest = select(func.coalesce(func.max(_C.number), 0)).where(_C.server == server)
        return int(self._transaction.fetch_value(highest)) + 1

    def _find(
        self,
        *where: ColumnElement[bool],
        limit: int | None = None,
        order: Sequence[ColumnElement[object]] = _BY_NUMBER,
    ) -> tuple[ProviderCopy, ...]:
        query = select(PROVIDER_COPIES).where(*where).order_by(*order).limit(limit)
        return tuple(_read(row) for row in self._transaction.fetch(query))


def _held(copy: ProviderCopy) -> RunActive:
    return RunActive(
        f"The provider snapshot {copy.run} of {copy.server} is looked after by {copy.owner} until "
        f"{write_second(copy.lease_until)}."
    )


def _event(before: ProviderCopy, after: ProviderCopy) -> str | None:
    """What has happened, in a word; None for nothing that history has to know."""
    if after.state is not before.state:
        return after.state.value
    if after.volumes != before.volumes:
        return "begun"
    return "unanswered" if after.failures > before.failures else None


def _read(row: AnyRow) -> ProviderCopy:
    return ProviderCopy(
        run=row.run,
        server=row.server,
        reason=RunKind(row.reason),
        kind=row.kind,
        provider=row.provider,
        account=row.account,
        region=row.region,
        machine=row.machine,
        state=CopyState(row.state),
        started_at=row.started_at,
        begun_at=row.begun_at,
        looked_at=row.looked_at,
        ended_at=row.ended_at,
        deleted_at=row.deleted_at,
        progress=row.progress,
        volumes=tuple(CopiedVolume(**each) for each in json.loads(row.volumes)),
        problem=read_failure(row),
        failures=row.failures,
        epoch=row.epoch,
        owner=row.owner,
        lease_until=row.lease_until,
    )


def _values(copy: ProviderCopy) -> dict[str, object]:
    return {
        "run": copy.run,
        "server": copy.server,
        "reason": copy.reason.value,
        "kind": copy.kind,
        "provider": copy.provider,
        "account": copy.account,
        "region": copy.region,
        "machine": copy.machine,
        "state": copy.state.value,
        "started_at": copy.started_at,
        "begun_at": copy.begun_at,
        "looked_at": copy.looked_at,
        "ended_at": copy.ended_at,
        "deleted_at": copy.deleted_at,
        "progress": copy.progress,
        "volumes": _volumes_json(copy.volumes),
        "failures": copy.failures,
        "epoch": copy.epoch,
        "owner": copy.owner,
        "lease_until": copy.lease_until,
        **failure_values(copy.problem),
    }


def _volumes_json(volumes: Sequence[CopiedVolume]) -> str:
    return json.dumps([asdict(volume) for volume in volumes], ensure_ascii=False)


def _claim_payload(copy: ProviderCopy) -> JsonObject:
    return {
        "server": copy.server,
        "kind": copy.reason.value,
        "by": copy.kind,
        "machine": copy.machine,
        "region": copy.region,
        "account": copy.account,
        "owner": copy.owner,
    }


def _payload(copy: ProviderCopy) -> JsonObject:
    known = {
        "volumes": [volume.id for volume in copy.volumes],
        "bytes": copy.size,
        "begun_at": None if copy.begun_at is None else write_instant(copy.begun_at),
        "error": None if copy.problem is None else copy.problem.code,
        "message": None if copy.problem is None else copy.problem.message,
    }
    return {name: value for name, value in known.items() if value}
