"""The probe names what is wrong with a store, and leaves nothing behind."""

# ruff: noqa: ARG002 - the fakes have the signatures of `ObjectStore` and misbehave

from collections.abc import Iterator

import pytest

from backends.errors import ObjectCorrupt, StoreError, StoreRefused, StoreThrottled
from backends.objectstore.findings import Check, Finding, Outcome, StoreProbe
from backends.objectstore.memory import MemoryStore
from backends.objectstore.metered import MeteredStore
from backends.objectstore.probe import probe_store
from backends.objectstore.retrying import RetryingStore
from backends.types import ObjectInfo


class Stale(MemoryStore):
    """Keeps the first body of each key."""

    def put(self, key: str, data: bytes) -> ObjectInfo:
        if any(self.list(key)):
            return ObjectInfo(key=key, size=len(data))
        return super().put(key, data)


class Blind(MemoryStore):
    """Lists nothing."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return iter(())


class Whole(MemoryStore):
    """Ignores spans."""

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        return super().get(key)


class AppendOnly(MemoryStore):
    """Refuses to delete."""

    def delete(self, key: str) -> None:
        raise StoreRefused(f"no permission to delete {key}")


class Garbled(MemoryStore):
    """Flips a bit of everything it gives back."""

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        data = bytearray(super().get(key, offset=offset, length=length))
        data[0] ^= 1
        return bytes(data)


class Exhausted(MemoryStore):
    """Takes one object and then no request more."""

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> bytes:
        raise StoreThrottled("slow down")


class Talkative(MemoryStore):
    """Says more of itself than other stores."""

    erased: str | None = None

    def examine(self, scratch: str) -> Iterator[Finding]:
        self.put(f"{scratch}-own", b"")
        yield Finding(check=Check.VERSIONING, outcome=Outcome.YES)

    def erase(self, scratch: str) -> str:
        self.erased = scratch
        return "two locked versions stay"


@pytest.mark.parametrize(
    ("store", "defect"),
    [
        (Stale(), Check.OVERWRITE_VISIBLE),
        (Blind(), Check.LIST_AFTER_WRITE),
        (Whole(), Check.RANGE_READS),
        (Garbled(), Check.READ_AFTER_WRITE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, MemoryStore) else value.name,
)
def test_an_essential_defect_makes_a_store_unusable(store: MemoryStore, defect: Check) -> None:
    """The defect is named, and the operator is told not to use the store."""
    probe = probe_store(store)

    finding = next(each for each in probe.findings if each.check is defect)
    assert finding.outcome is Outcome.NO
    assert finding.consequence.startswith("Do not use this store")
    assert not probe.usable


def test_a_sound_store_is_usable_and_clean_afterwards() -> None:
    """All checks in their order, each once; no object stays."""
    store = MemoryStore()

    probe = probe_store(store)

    assert probe.usable
    assert [finding.check for finding in probe.findings] == list(Check)
    assert list(store.list("")) == []


def test_a_store_without_s3_has_no_versions_to_speak_of() -> None:
    """What a kind of store cannot have is not held against it."""
    probe = probe_store(MemoryStore(attests_sha256=False))

    assert probe.outcome(Check.VERSIONING) is Outcome.NOT_APPLICABLE
    assert probe.outcome(Check.ATTESTS_SHA256) is Outcome.NO
    attests = next(each for each in probe.findings if each.check is Check.ATTESTS_SHA256)
    assert attests.consequence == "Not attested: backup-now verifies by reading back."


def test_a_store_that_refuses_deletes_is_usable() -> None:
    """Append-only is a choice; what the probe had to leave behind is said."""
    probe = probe_store(AppendOnly())

    assert probe.usable
    deleting = next(each for each in probe.findings if each.check is Check.DELETE)
    assert deleting.outcome is Outcome.NO
    assert "could not be deleted" in deleting.detail


def test_what_could_not_be_tried_is_unknown() -> None:
    """A busy store is not called broken, but not called good either."""
    probe = probe_store(Exhausted())

    assert probe.outcome(Check.READ_AFTER_WRITE) is Outcome.UNKNOWN
    assert not probe.usable


@pytest.mark.parametrize("error", [StoreRefused("wrong key"), ObjectCorrupt("digest")])
def test_a_store_that_takes_nothing_raises(error: StoreError) -> None:
    """Without a first put there is nothing to report but its error."""

    class Closed(MemoryStore):
        def put(self, key: str, data: bytes) -> ObjectInfo:
            raise error

    with pytest.raises(type(error)):
        probe_store(Closed())


def test_probe_objects_go_even_when_the_probe_fails() -> None:
    """A defect of the probe itself leaves no litter in the bucket."""

    class Surprising(MemoryStore):
        def stat(self, key: str) -> ObjectInfo:
            raise ZeroDivisionError

    store = Surprising()

    with pytest.raises(ZeroDivisionError):
        probe_store(store)

    assert list(store.list("")) == []


def test_a_wrapped_store_is_asked_for_what_only_it_knows() -> None:
    """Wrappers hide neither the extra checks nor the extra cleaning."""
    store = Talkative()

    probe: StoreProbe = probe_store(MeteredStore(RetryingStore(store)))

    assert probe.outcome(Check.VERSIONING) is Outcome.YES
    deleting = next(each for each in probe.findings if each.check is Check.DELETE)
    assert deleting.detail == "two locked versions stay"
    assert list(store.list("")) == []
    assert store.erased is not None
