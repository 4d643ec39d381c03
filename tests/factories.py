"""Sound values with as little said as possible; a test overrides what its story is about."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from daemon.domain.contract import Contract, Expiry
from daemon.domain.manifest import (
    Manifest,
    PackFact,
    RepositoryFact,
    SourceComparison,
    SumsFact,
    ToolVersion,
    VerificationFact,
    sums_key,
)
from daemon.domain.manifest_document import read_manifest, write_manifest
from daemon.domain.run import Captured, Run, RunKind, RunState
from daemon.domain.server import Server
from daemon.domain.verification import Depth, Outcome, Verification

NOW = datetime(2026, 11, 23, 6, 1, 1, tzinfo=UTC)
RUN = "20261123T060101Z-3fa9c2"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0hqWfTAoQfkLmY5NkQ6Fn8l5pS1Q8mXn4vH2cT7bRw"


class FakeClock:
    """A clock that goes only when told to; waiting makes the time pass at once."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        self.pass_(seconds)
        return stop.is_set()

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def digest(text: str) -> str:
    """A SHA-256 in hex that a test can recognise."""
    return hashlib.sha256(text.encode()).hexdigest()


def a_server(**changes: Any) -> Server:
    given: dict[str, Any] = {
        "name": "web-1",
        "host": "192.0.2.7",
        "user": "backup",
        "host_key": HOST_KEY,
        "paths": ("/srv/www",),
        "created_at": NOW,
    }
    return Server(**(given | changes))


def a_contract(**changes: Any) -> Contract:
    given: dict[str, Any] = {
        "name": "web-2026",
        "provider": "aliyun",
        "servers": ("web-1",),
        "expiry": Expiry(text="2026-12-31", timezone="Asia/Shanghai"),
        "created_at": NOW,
    }
    return Contract(**(given | changes))


def a_run(**changes: Any) -> Run:
    given: dict[str, Any] = {
        "run": RUN,
        "server": "web-1",
        "kind": RunKind.MANUAL,
        "state": RunState.CLAIMED,
        "started_at": NOW,
        "store": "main",
        "epoch": 1,
        "owner": "ops-1:4711:aa",
        "lease_until": NOW + timedelta(minutes=2),
    }
    return Run(**(given | changes))


def captured(**changes: Any) -> Captured:
    given: dict[str, Any] = {
        "files": 3,
        "bytes": 3000,
        "stored_bytes": 1200,
        "new_bytes": 3000,
        "snapshot": digest("snapshot"),
    }
    return Captured(**(given | changes))


def a_verification(**changes: Any) -> Verification:
    given: dict[str, Any] = {
        "run": RUN,
        "manifest_sha256": digest("manifest"),
        "depth": Depth.STORED,
        "outcome": Outcome.PASSED,
        "checked_at": NOW,
    }
    return Verification(**(given | changes))


def a_manifest(**changes: Any) -> Manifest:
    given: dict[str, Any] = {
        "run": RUN,
        "kind": RunKind.MANUAL,
        "sequence": 1,
        "previous_sha256": None,
        "complete": True,
        "server": "web-1",
        "host": "192.0.2.7",
        "paths": ("/srv/www",),
        "started_at": NOW,
        "finished_at": NOW + timedelta(minutes=1),
        "files": 3,
        "dirs": 2,
        "bytes": 3000,
        "stored_bytes": 1200,
        "new_bytes": 3000,
        "repository": RepositoryFact(
            id=digest("repository"),
            url="s3://bucket/prefix/web-1",
            snapshot=digest("snapshot"),
            tree=digest("tree"),
        ),
        "packs": (PackFact(id=digest("pack"), size=1200, attested=True, new=True),),
        "tools": (ToolVersion(name="rsync", version="3.5.0"),),
        "comparison": SourceComparison(compared=3),
        "sums": SumsFact(key=sums_key(RUN), sha256=digest("sums")),
        "verification": VerificationFact(
            depth=Depth.STORED, outcome=Outcome.PASSED, checked_at=NOW
        ),
    }
    return Manifest(**(given | changes))


def unsigned_document(manifest: Manifest) -> bytes:
    """The document of a manifest with a signature that nobody made."""
    return write_manifest(manifest, lambda _: bytes(64), "ed25519:nobody")


def read_unsigned(manifest: Manifest) -> str:
    """The digest that `manifest` has as an unsigned document."""
    return read_manifest(unsigned_document(manifest)).sha256
