"""Repository snapshots: which tree was saved when, from where, by whom.

The JSON is restic's (`Snapshot` in its `internal/data/snapshot.go`), field by field, so that
`restic snapshots` lists ours like its own.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from backends.errors import ObjectMissing, RepositoryDamaged, SnapshotMissing
from backends.repository.go_json import dump_json, load_json
from backends.repository.gotime import format_instant, parse_instant
from backends.repository.unpacked import (
    ObjectKind,
    OpenRepository,
    list_unpacked,
    load_unpacked,
    save_unpacked,
)
from backends.types import BlobId

LATEST: Final = "latest"
_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PREFIX: Final = re.compile(r"[0-9a-f]{1,64}", re.ASCII)
_READERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSummary:
    """Figures of the run that made a snapshot; restic 0.17 and later shows them.

    Attributes:
        backup_start: When it began.
        backup_end: When it ended.
        files_new: Files the parent did not have.
        files_changed: Files that differ from the parent's.
        files_unmodified: Files taken over from the parent.
        dirs_new: Folders the parent did not have.
        dirs_changed: Folders that differ from the parent's.
        dirs_unmodified: Folders taken over from the parent.
        data_blobs: Data blobs added.
        tree_blobs: Tree blobs added.
        data_added: Plain bytes added.
        data_added_packed: Stored bytes added.
        total_files_processed: Files in the snapshot.
        total_bytes_processed: Their bytes.
    """

    backup_start: datetime
    backup_end: datetime
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    data_blobs: int = 0
    tree_blobs: int = 0
    data_added: int = 0
    data_added_packed: int = 0
    total_files_processed: int = 0
    total_bytes_processed: int = 0


_FIGURES: Final = tuple(field.name for field in fields(SnapshotSummary))[2:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One saved state.

    Attributes:
        time: When; aware, to the microsecond.
        tree: Tree blob of the root folder.
        paths: What was saved, absolute paths on the server.
        hostname: Of the server.
        username: Who saved it.
        uid: Their number.
        gid: Their group's number.
        excludes: Patterns that were left out.
        tags: Words to tell snapshots apart.
        program_version: What wrote it, e.g. `restic 0.17.3`.
        parent: Id of the snapshot that unchanged files were taken over from.
        original: Id of the snapshot that this one replaces with other tags.
        summary: Figures of the run, where recorded.
        id: 64 hex digits, SHA-256 of the stored object; empty until it is stored.
    """

    time: datetime
    tree: BlobId
    paths: tuple[str, ...]
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    excludes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    program_version: str = ""
    parent: str | None = None
    original: str | None = None
    summary: SnapshotSummary | None = None
    id: str = ""


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Write a snapshot as restic does; its `id` is no part of it.

    Raises:
        ValueError: a time has no zone.
    """
    row = {
        "time": format_instant(snapshot.time),
        "parent": snapshot.parent,
        "tree": snapshot.tree.hex(),
        "paths": list(snapshot.paths),
        "hostname": snapshot.hostname,
        "username": snapshot.username,
        "uid": snapshot.uid,
        "gid": snapshot.gid,
        "excludes": list(snapshot.excludes),
        "tags": list(snapshot.tags),
        "original": snapshot.original,
        "program_version": snapshot.program_version,
        "summary": _summary_to_json(snapshot.summary) if snapshot.summary else None,
    }
    always = ("time", "tree", "paths")
    return dump_json({key: value for key, value in row.items() if value or key in always})


def _summary_to_json(summary: SnapshotSummary) -> dict[str, object]:
    row: dict[str, object] = {
        "backup_start": format_instant(summary.backup_start),
        "backup_end": format_instant(summary.backup_end),
    }
    row.update((name, getattr(summary, name)) for name in _FIGURES)
    return row


def decode_snapshot(document: bytes, snapshot_id: str = "") -> Snapshot:
    """Read a snapshot's JSON; `snapshot_id` is the name it was stored under.

    Raises:
        RepositoryDamaged: it is not a snapshot.
    """
    try:
        return _from_json(load_json(document), snapshot_id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RepositoryDamaged(f"Not a snapshot: {error!r}.") from error


# The row is JSON: a wrong shape raises and becomes RepositoryDamaged above.
def _from_json(row: dict[str, Any], snapshot_id: str) -> Snapshot:
    if not _ID.fullmatch(row["tree"]):
        raise ValueError(f"Not a tree id: {row['tree']!r}.")
    return Snapshot(
        id=snapshot_id,
        time=parse_instant(row["time"]),
        tree=BlobId(bytes.fromhex(row["tree"])),
        paths=tuple(row.get("paths") or ()),
        hostname=row.get("hostname", ""),
        username=row.get("username", ""),
        uid=row.get("uid", 0),
        gid=row.get("gid", 0),
        excludes=tuple(row.get("excludes") or ()),
        tags=tuple(row.get("tags") or ()),
        program_version=row.get("program_version", ""),
        parent=row.get("parent"),
        original=row.get("original"),
        summary=_summary_from_json(row.get("summary")),
    )


def _summary_from_json(row: dict[str, Any] | None) -> SnapshotSummary | None:
    if row is None:
        return None
    return SnapshotSummary(
        backup_start=parse_instant(row["backup_start"]),
        backup_end=parse_instant(row["backup_end"]),
        **{name: int(row.get(name, 0)) for name in _FIGURES},
    )


def save_snapshot(repository: OpenRepository, snapshot: Snapshot) -> str:
    """Store a snapshot, whose blobs and index must be stored before; returns its id.

    Raises:
        StoreError: the store did not take it.
    """
    return save_unpacked(repository, ObjectKind.SNAPSHOT, encode_snapshot(snapshot))


def load_snapshot(repository: OpenRepository, snapshot_id: str) -> Snapshot:
    """Fetch one snapshot by its full id.

    Raises:
        SnapshotMissing: no such snapshot.
        RepositoryDamaged: it is altered or malformed; the message names it.
    """
    try:
        document = load_unpacked(repository, ObjectKind.SNAPSHOT, snapshot_id)
        return decode_snapshot(document, snapshot_id)
    except ObjectMissing as error:
        raise SnapshotMissing(f"There is no snapshot {snapshot_id}.") from error
    except RepositoryDamaged as error:
        raise RepositoryDamaged(f"Snapshot {snapshot_id} is damaged: {error}") from error


def snapshot_ids(repository: OpenRepository) -> tuple[str, ...]:
    """Every snapshot's id, sorted; objects that are named otherwise are passed over."""
    return list_unpacked(repository, ObjectKind.SNAPSHOT)


def list_snapshots(
    repository: OpenRepository,
    *,
    on_damaged: Callable[[str, RepositoryDamaged], None] | None = None,
) -> tuple[Snapshot, ...]:
    """Every snapshot, oldest first.

    Args:
        repository: Where to look.
        on_damaged: Told of each snapshot that cannot be read, with its id; the others are
            still listed. Without it the first such one raises.

    Raises:
        RepositoryDamaged: see `on_damaged`.
    """
    found = []
    for name, outcome in _load_all(repository, snapshot_ids(repository)):
        if isinstance(outcome, Snapshot):
            found.append(outcome)
        elif on_damaged is None:
            raise outcome
        else:
            on_damaged(name, outcome)
    return tuple(sorted(found, key=lambda snapshot: (snapshot.time, snapshot.id)))


def _load_all(
    repository: OpenRepository, ids: tuple[str, ...]
) -> Iterator[tuple[str, Snapshot | RepositoryDamaged]]:
    def load(name: str) -> Snapshot | RepositoryDamaged | None:
        try:
            return load_snapshot(repository, name)
        except SnapshotMissing:
            return None  # removed since it was listed: that is no damage
        except RepositoryDamaged as error:
            return error

    with ThreadPoolExecutor(_READERS, "snapshot-reader") as readers:
        for name, outcome in zip(ids, readers.map(load, ids), strict=True):
            if outcome is not None:
                yield name, outcome


def find_snapshot(
    repository: OpenRepository,
    wanted: str,
    *,
    hostname: str | None = None,
    tag: str | None = None,
) -> Snapshot:
    """Find the snapshot that a person means.

    Args:
        repository: Where to look.
        wanted: `latest`, or the beginning of an id.
        hostname: With `latest`: only snapshots of this server.
        tag: With `latest`: only snapshots with this tag.

    Raises:
        SnapshotMissing: none fits, or the beginning fits several.
        RepositoryDamaged: it, or with `latest` any snapshot, cannot be read.
    """
    if wanted == LATEST:
        return _latest(repository, hostname, tag)
    if not _PREFIX.fullmatch(wanted):
        raise SnapshotMissing(f"{wanted!r} is neither a snapshot id nor `latest`.")
    matches = [name for name in snapshot_ids(repository) if name.startswith(wanted)]
    if len(matches) != 1:
        several = ", ".join(name[:12] for name in matches[:5])
        reason = f"fits {len(matches)} snapshots: {several}" if matches else "fits no snapshot"
        raise SnapshotMissing(f"The id {wanted} {reason}.")
    return load_snapshot(repository, matches[0])


def _latest(repository: OpenRepository, hostname: str | None, tag: str | None) -> Snapshot:
    for snapshot in reversed(list_snapshots(repository)):
        if hostname in (None, snapshot.hostname) and (tag is None or tag in snapshot.tags):
            return snapshot
    raise SnapshotMissing("The repository has no snapshot that fits.")
