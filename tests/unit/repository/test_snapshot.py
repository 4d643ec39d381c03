"""Repository snapshots as JSON."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from backends.errors import RepositoryDamaged, SnapshotMissing
from backends.repository.snapshot import (
    Snapshot,
    SnapshotSummary,
    decode_snapshot,
    encode_snapshot,
    find_snapshot,
    list_snapshots,
    save_snapshot,
)
from backends.types import BlobId

TREE = BlobId(bytes(range(32)))
PARENT, ORIGINAL = "aa" * 32, "bb" * 32
NOON = datetime(2026, 1, 2, 12, 0, 0, 120_000, tzinfo=UTC)


def test_a_bare_snapshot_holds_only_time_tree_and_paths():
    snapshot = Snapshot(time=NOON, tree=TREE, paths=("/srv/a&b",))

    assert encode_snapshot(snapshot).decode() == (
        f'{{"time":"2026-01-02T12:00:00.12Z","tree":"{TREE.hex()}","paths":["/srv/a\\u0026b"]}}'
    )


def test_every_field_stands_in_restic_s_order():
    start = NOON - timedelta(minutes=1)
    snapshot = Snapshot(
        time=NOON,
        tree=TREE,
        paths=("/srv",),
        hostname="h",
        username="u",
        uid=1,
        gid=2,
        excludes=("*.o",),
        tags=("t",),
        program_version="lapseguard 1",
        parent=PARENT,
        original=ORIGINAL,
        summary=SnapshotSummary(backup_start=start, backup_end=NOON, files_new=3, data_added=4),
    )

    assert encode_snapshot(snapshot).decode() == (
        '{"time":"2026-01-02T12:00:00.12Z",'
        f'"parent":"{PARENT}","tree":"{TREE.hex()}","paths":["/srv"],'
        '"hostname":"h","username":"u","uid":1,"gid":2,"excludes":["*.o"],"tags":["t"],'
        f'"original":"{ORIGINAL}",'
        '"program_version":"lapseguard 1","summary":{'
        '"backup_start":"2026-01-02T11:59:00.12Z","backup_end":"2026-01-02T12:00:00.12Z",'
        '"files_new":3,"files_changed":0,"files_unmodified":0,"dirs_new":0,"dirs_changed":0,'
        '"dirs_unmodified":0,"data_blobs":0,"tree_blobs":0,"data_added":4,"data_added_packed":0,'
        '"total_files_processed":0,"total_bytes_processed":0}}'
    )
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_the_time_keeps_its_zone():
    zone = timezone(timedelta(hours=8))
    snapshot = Snapshot(time=datetime(2026, 1, 2, 20, tzinfo=zone), tree=TREE, paths=())

    decoded = decode_snapshot(encode_snapshot(snapshot))

    assert b'"2026-01-02T20:00:00+08:00"' in encode_snapshot(snapshot)
    assert decoded.time.utcoffset() == timedelta(hours=8)


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        encode_snapshot(Snapshot(time=datetime(2026, 1, 2), tree=TREE, paths=()))  # noqa: DTZ001


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"{}",
        b'{"time":"2026-01-02T12:00:00Z"}',
        b'{"time":"noon","tree":"%s"}' % TREE.hex().encode(),
        b'{"time":"2026-01-02T12:00:00Z","tree":"12"}',
        b'{"time":"2026-01-02T12:00:00Z","tree":null}',
    ],
)
def test_what_is_no_snapshot_is_damage(document):
    with pytest.raises(RepositoryDamaged):
        decode_snapshot(document)


def test_a_beginning_that_fits_two_snapshots_is_refused(repository):
    for minute in range(17):  # more than there are first digits
        taken = NOON + timedelta(minutes=minute)
        save_snapshot(repository, Snapshot(time=taken, tree=TREE, paths=()))
    firsts = [snapshot.id[0] for snapshot in list_snapshots(repository)]
    twice = next(digit for digit in firsts if firsts.count(digit) > 1)

    with pytest.raises(SnapshotMissing, match="fits"):
        find_snapshot(repository, twice)


def test_a_repository_without_snapshots_has_no_latest(repository):
    with pytest.raises(SnapshotMissing):
        find_snapshot(repository, "latest")
