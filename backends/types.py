"""Values that the backends share; frozen, and free of I/O."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, TypeAlias

#: SHA-256 of a blob's plain content: 32 raw bytes; hex only at JSON edges.
BlobId = NewType("BlobId", bytes)

#: What a store is given to keep; it holds on to none of it once it has answered.
Content: TypeAlias = bytes | bytearray


class Digested(bytearray):
    """Content that knows its SHA-256, so that a store need not compute it once more.

    It is a claim as good as a computed one: what was altered since then does not have it, and a
    store that compares refuses it.
    """

    __slots__ = ("sha256",)

    #: 32 raw bytes, or None where nobody has computed it.
    sha256: bytes | None

    def __init__(self, content: int | Content = b"", sha256: bytes | None = None) -> None:
        super().__init__(content)
        self.sha256 = sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """One object as its store describes it.

    Attributes:
        key: Name below the store's prefix, `/`-separated, never starting with `/`.
        size: Bytes.
        sha256: 32 raw bytes that the *store* vouches for, or None where it attests nothing.
        version_id: The store's version of exactly these bytes, where it keeps versions.
        modified: When the store took it (UTC), where it says so.
    """

    key: str
    size: int
    sha256: bytes | None = None
    version_id: str | None = None
    modified: datetime | None = None


class BlobKind(enum.Enum):
    """What a blob holds; data and trees never share a pack."""

    DATA = "data"
    TREE = "tree"

    # It is looked up for each blob again and again; that of `Enum` is made in Python each time.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True, kw_only=True)
class PackReceipt:
    """Proof that one pack was taken by the store.

    Attributes:
        pack: SHA-256 of the pack, 32 raw bytes; also its name.
        size: Bytes.
        attested: Whether the store itself vouches for that SHA-256.
        version_id: See `ObjectInfo.version_id`.
    """

    pack: bytes
    size: int
    attested: bool
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """How to log in to one server.

    Attributes:
        alias: The server's name here; known_hosts entries are filed under it.
        host: DNS name or address, `[A-Za-z0-9.:_-]+`, no leading dash.
        port: TCP port.
        user: Login name, `[a-z_][a-z0-9_-]*`.
        identity: Private key file.
        host_key: The pinned key as `type base64`, e.g. `ssh-ed25519 AAAA…`.
    """

    alias: str
    host: str
    port: int = 22
    user: str
    identity: str
    host_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullBudget:
    """Limits on one pull that a hostile or broken server cannot lift; None means no limit."""

    max_bytes: int | None = None
    max_files: int | None = None
    max_seconds: float | None = None
    max_file_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSpec:
    """One pull: which paths of a server land where.

    Attributes:
        target: The server.
        paths: Absolute paths on the server; they land under `staging` with their full path.
        excludes: rsync patterns.
        staging: Local folder that becomes the image of the server.
        only: Of these, what this call is about, or empty for all: staging elsewhere is then left
            alone, whatever it holds.
        source_root: Where a frozen view of the server is mounted, or empty: the path
            `/srv/db` is then read from `<source_root>/./srv/db` and still lands as `srv/db`.
        sudo: Run the server's rsync by `sudo -n`.
        one_file_system: Do not cross into other mounted file systems.
        bandwidth: Bytes a second, or None.
        budget: See `PullBudget`.
    """

    target: SshTarget
    paths: tuple[str, ...]
    staging: str
    excludes: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    source_root: str = ""
    sudo: bool = False
    one_file_system: bool = False
    bandwidth: int | None = None
    budget: PullBudget = PullBudget()

    @property
    def sources(self) -> tuple[str, ...]:
        """The paths that this call asks the server for."""
        return self.only or self.paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One file that rsync has completed and renamed into place.

    Attributes:
        path: Relative to staging, raw bytes.
        size: Bytes of the whole file as the server listed it; one that was growing meanwhile
            may be longer.
        checksum: xxh128 of the file as the *source* read it (32 hex digits), or None where
            rsync prints none (hard links beyond the first, non-files).
        linked_to: True for a hard link to a file that arrived before.
        received: Bytes that came over the line for it.
    """

    path: bytes
    size: int
    checksum: str | None = None
    linked_to: bool = False
    received: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Something the server has that this copy has not, and why."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What a finished pull says of itself.

    Attributes:
        complete: Nothing that was asked for is missing (vanished files are not missing).
        arrivals: How many regular files were sent.
        received_bytes: Bytes that came over the line.
        omissions: Paths that could not be read or exceed a limit, with reasons.
        vanished: Paths that disappeared on the server while it was read.
        seconds: Duration.
        attempts: How many times rsync ran (a second pass follows vanished files).
        rsync_version: Of this machine, e.g. `3.5.0`.
        changed: Every path of the image that was changed, made or removed, relative to it, some
            perhaps more than once; None where that is not known for sure.
    """

    complete: bool
    arrivals: int
    received_bytes: int
    omissions: tuple[Omission, ...]
    vanished: tuple[bytes, ...]
    seconds: float
    attempts: int
    rsync_version: str
    changed: Iterable[bytes] | None = None
