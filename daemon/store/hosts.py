"""The daemons that share this database, on the clock that they share. Not history: not audited."""

from datetime import timedelta

from sqlalchemy import delete, select, update

from daemon.domain.host import Host
from daemon.store.tables import HOSTS
from daemon.store.transaction import AnyRow, Transaction


class Hosts:
    """Daemons by owner. These methods need no turn: begin the unit `at_once`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def announce(self, owner: str, host: str, slots: int, *, for_: timedelta) -> Host:
        """Be reckoned with for so long from now. The first time, those long gone are forgotten.

        Args:
            owner: See `Host`, as for the next two.
            host: The machine.
            slots: Runs at the same time.
            for_: Longer than the pause until the next announcement.
        """
        now = self._transaction.now()
        fresh = {"host": host, "slots": slots, "seen_until": now + for_}
        known = update(HOSTS).where(HOSTS.c.owner == owner).values(fresh)
        if not self._transaction.change(known):
            self._transaction.change(delete(HOSTS).where(HOSTS.c.seen_until < now))
            self._transaction.insert(HOSTS, {"owner": owner, "started_at": now, **fresh})
        (row,) = self._transaction.fetch(select(HOSTS).where(HOSTS.c.owner == owner))
        return _host(row)

    def alive(self) -> tuple[Host, ...]:
        """Those that are to be reckoned with now, the longest there first."""
        fresh = select(HOSTS).where(HOSTS.c.seen_until > self._transaction.now())
        rows = self._transaction.fetch(fresh.order_by(HOSTS.c.started_at, HOSTS.c.owner))
        return tuple(_host(row) for row in rows)

    def leave(self, owner: str) -> None:
        """Be reckoned with no more."""
        self._transaction.change(delete(HOSTS).where(HOSTS.c.owner == owner))


def _host(row: AnyRow) -> Host:
    return Host(
        owner=row.owner,
        host=row.host,
        slots=row.slots,
        started_at=row.started_at,
        seen_until=row.seen_until,
    )
