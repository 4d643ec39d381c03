"""Finds out what a store really does, by trying it with a few small objects."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from backends.errors import ObjectMissing, StoreError, StoreRefused
from backends.objectstore.findings import (
    Check,
    Examinable,
    Finding,
    Outcome,
    StoreProbe,
    Wrapper,
)
from backends.protocols import ObjectStore

_BODY = bytes(range(256)) * 256
_SECOND_BODY = b"overwritten"
_Seen = tuple[Outcome, str]


def probe_store(
    store: ObjectStore, *, stopwatch: Callable[[], float] = time.perf_counter
) -> StoreProbe:
    """Try what backups rely on, and what they would like to.

    Works below `lapseguard/probe/`, and removes what it put there also when it fails.

    Args:
        store: Any store; wrappers are looked through for what its kind alone can say.
        stopwatch: Seconds, for the latency.

    Raises:
        StoreError: the very first put failed, so nothing can be found out: the store is away,
            refuses the key, or has no such bucket.
    """
    scratch = f"lapseguard/probe/{secrets.token_hex(8)}"
    trial = _Trial(store, scratch, stopwatch)
    left = ""
    try:
        found = list(trial.findings())
    finally:
        left = trial.clean_up()
    if left:
        found = [_with_remark(each, left) for each in found]
    return StoreProbe(url=store.url, findings=tuple(found))


class _Trial:
    """One probing of one store."""

    def __init__(self, store: ObjectStore, scratch: str, stopwatch: Callable[[], float]) -> None:
        self._store = store
        self._scratch = scratch
        self._key = f"{scratch}-object"
        self._stopwatch = stopwatch

    def findings(self) -> Iterator[Finding]:
        """Each check once, in the order of `Check`."""
        self._store.put(self._key, _BODY)  # when this fails, its error is the answer
        latency = self._measure_latency()
        common = [
            self._tried(Check.READ_AFTER_WRITE, self._check_read),
            self._tried(Check.LIST_AFTER_WRITE, self._check_list),
            self._tried(Check.OVERWRITE_VISIBLE, self._check_overwrite),
            self._tried(Check.RANGE_READS, self._check_range),
            self._tried(Check.DELETE, self._check_delete),
            self._tried(Check.ATTESTS_SHA256, self._check_attestation),
        ]
        found = {each.check: each for each in (*common, *self._own_findings(), latency)}
        for check in Check:
            yield found.get(check) or Finding(check=check, outcome=Outcome.NOT_APPLICABLE)

    def clean_up(self) -> str:
        """Remove every probe object; what could not be removed, for a person."""
        keys = {self._key}
        with suppress(StoreError):  # a store that cannot list still gets the known key deleted
            keys.update(info.key for info in self._store.list(self._scratch))
        refused = sum(not self._deleted(key) for key in keys)
        left = f"{refused} probe objects could not be deleted" if refused else ""
        inner = _innermost(self._store)
        return (inner.erase(self._scratch) if isinstance(inner, Examinable) else "") or left

    def _deleted(self, key: str) -> bool:
        try:
            self._store.delete(key)
        except StoreError:
            return False
        return True

    def _own_findings(self) -> Iterator[Finding]:
        inner = _innermost(self._store)
        if isinstance(inner, Examinable):
            yield from inner.examine(self._scratch)

    def _measure_latency(self) -> Finding:
        start = self._stopwatch()
        self._store.put(self._key, _BODY)
        written = self._stopwatch()
        with suppress(StoreError):  # the next check says what is wrong with reading
            self._store.get(self._key)
        read = self._stopwatch()
        detail = f"put {_milliseconds(written - start)}, get {_milliseconds(read - written)}"
        return Finding(check=Check.LATENCY, outcome=Outcome.YES, detail=f"{detail} of 64 KiB")

    def _tried(self, check: Check, look: Callable[[], _Seen]) -> Finding:
        try:
            outcome, detail = look()
        except StoreError as error:
            outcome = Outcome.UNKNOWN if error.retryable else Outcome.NO
            detail = str(error)
        return Finding(check=check, outcome=outcome, detail=detail)

    def _check_read(self) -> _Seen:
        if self._store.get(self._key) != _BODY:
            return Outcome.NO, "the object read back differs from the one written"
        return Outcome.YES, ""

    def _check_list(self) -> _Seen:
        listed = [info.size for info in self._store.list(self._key)]
        if listed != [len(_BODY)]:
            return Outcome.NO, f"sizes listed: {listed}, expected: {[len(_BODY)]}"
        return Outcome.YES, ""

    def _check_overwrite(self) -> _Seen:
        self._store.put(self._key, _SECOND_BODY)
        if self._store.get(self._key) != _SECOND_BODY:
            return Outcome.NO, "after a second put the first body was read"
        return Outcome.YES, ""

    def _check_range(self) -> _Seen:
        if self._store.get(self._key, offset=3, length=4) != _SECOND_BODY[3:7]:
            return Outcome.NO, "other bytes came than asked for"
        return Outcome.YES, ""

    def _check_delete(self) -> _Seen:
        try:
            self._store.delete(self._key)
            self._store.stat(self._key)
        except StoreRefused as error:
            return Outcome.NO, str(error)
        except ObjectMissing:
            return Outcome.YES, ""
        return Outcome.NO, "the object is still there"

    def _check_attestation(self) -> _Seen:
        self._store.put(self._key, _BODY)
        if self._store.attests_sha256 and self._store.stat(self._key).sha256:
            return Outcome.YES, ""
        return Outcome.NO, ""


def _innermost(store: ObjectStore) -> ObjectStore:
    while isinstance(store, Wrapper):
        store = store.inner
    return store


def _with_remark(finding: Finding, remark: str) -> Finding:
    if finding.check is not Check.DELETE:
        return finding
    detail = "; ".join(filter(None, (finding.detail, remark)))
    return Finding(check=finding.check, outcome=finding.outcome, detail=detail)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
