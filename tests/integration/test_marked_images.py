"""When a run looks at the whole staging image, and when only at what rsync has changed.

Staging is spoilt behind everybody's back, size and times kept, as a failing disk does it. rsync
does not see that. A run that looks at everything finds the file touched and reads it; one that
goes by what has changed keeps what the repository has.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from backends.errors import ConnectionLost
from daemon.domain.manifest import SumsFact, manifest_key
from daemon.domain.manifest_document import write_manifest
from daemon.domain.run import RunState
from daemon.domain.sums import FileSum, write_sums
from daemon.domain.verification import Depth
from tests.parts.desk import Desk
from tests.parts.folder_pull import put


@pytest.fixture(autouse=True)
def _saved(desk: Desk) -> None:
    desk.back_up(itemises=True)


def spoil(desk: Desk) -> bytes:
    """Another content in a staged file, which keeps its size and time; what it was."""
    staged = desk.image / "srv/1"
    stat, content = staged.stat(), staged.read_bytes()
    staged.write_bytes(bytes(len(content)))
    os.utime(staged, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return content


def looked_at_everything(desk: Desk, **options: Any) -> bool:
    """Whether the next run notices that a staged file was spoilt."""
    content = spoil(desk)
    run = desk.back_up(itemises=True, **options)
    assert desk.is_sound()
    return desk.saved(run)["srv/1"] != content


def mark(desk: Desk) -> Path:
    return desk.image.parent / "image.mark"


def test_only_what_has_changed_is_looked_at(desk: Desk) -> None:
    put(desk.source / "srv/2", b"newer", 2 * 10**18)
    (desk.source / "srv/3").unlink()
    before = desk.manifest(1).manifest
    assert not looked_at_everything(desk)
    after = desk.manifest(2).manifest
    assert (after.files, after.bytes) == (before.files - 1, before.bytes - 2 * 2**20 + 5)
    found = after.comparison
    assert (found.compared, found.unchanged, found.uncompared) == (1, 2, 0)
    assert desk.verify(Depth.RESTORED).problems == ()


def test_an_unchanged_server_has_the_same_tree_and_listing(desk: Desk) -> None:
    desk.back_up(itemises=True)
    first, second = (desk.manifest(number).manifest for number in (1, 2))
    assert first.repository.tree == second.repository.tree
    assert first.sums.text_sha256 == second.sums.text_sha256
    assert first.sums.sha256 == second.sums.sha256
    assert (second.comparison.unchanged, second.complete) == (4, True)
    assert {pack.id for pack in second.packs} == {pack.id for pack in first.packs}
    assert desk.verify(Depth.RESTORED).problems == ()


def test_everything_is_looked_at_where_the_pull_cannot_say_what_it_changed(desk: Desk) -> None:
    content = spoil(desk)
    assert desk.saved(desk.back_up(itemises=False))["srv/1"] != content


def test_everything_is_looked_at_for_a_deeper_proof(desk: Desk) -> None:
    assert looked_at_everything(desk, depth=Depth.HASHED)


def test_everything_is_looked_at_now_and_then(desk: Desk) -> None:
    desk.walk_every = timedelta(0)
    assert looked_at_everything(desk)


def test_everything_is_looked_at_after_a_run_that_broke_off(desk: Desk) -> None:
    def cut(file: Path) -> None:
        if file.name == "2":
            raise ConnectionLost("gone")

    put(desk.source / "srv/0", b"newer", 2 * 10**18)
    assert desk.back_up(itemises=True, before=cut).state is RunState.PARTIAL
    assert not mark(desk).exists()
    spoil(desk)
    sent: list[str] = []
    desk.back_up(itemises=True, sent=sent)
    assert "srv/1" in sent


def test_the_mark_is_gone_before_anything_is_pulled(desk: Desk) -> None:
    """A power cut at any moment after leaves an image of which nothing is believed."""
    seen: list[bool] = []
    assert mark(desk).exists()
    desk.back_up(itemises=True, before=lambda _: seen.append(mark(desk).exists()))
    assert set(seen) == {False}
    assert mark(desk).exists()


def test_everything_is_looked_at_where_other_paths_are_asked_for(desk: Desk) -> None:
    desk.change_server(paths=("/srv", "/opt"))
    assert looked_at_everything(desk)


def test_everything_is_looked_at_where_a_pack_is_lost(desk: Desk) -> None:
    """The others' data is stored again, from staging."""
    desk.store.delete(desk.packs()[0])
    run = desk.back_up(itemises=True)
    assert run.state is RunState.VERIFIED
    assert set(desk.saved(run)) == {f"srv/{number}" for number in range(4)}
    assert desk.verify(Depth.RESTORED).problems == ()


def test_everything_is_looked_at_where_the_listing_is_lost(desk: Desk) -> None:
    desk.store.delete(desk.manifest(1).manifest.sums.key)
    run = desk.back_up(itemises=True)
    assert run.state is RunState.VERIFIED
    assert desk.verify(Depth.RESTORED).problems == ()


def stored_sums(desk: Desk, number: int) -> int:
    """Bytes that a run's checksums take in the store."""
    return desk.store.stat(desk.manifest(number).manifest.sums.key).size


def test_what_a_run_stores_of_its_checksums_does_not_grow_with_small_files(desk: Desk) -> None:
    for number in range(500):
        put(desk.source / f"srv/small/{number}", b"%d" % number)
    desk.back_up(itemises=True)
    put(desk.source / "srv/small/7", b"newer", 2 * 10**18)
    desk.back_up(itemises=True)
    assert len(desk.listing(3)) == 504
    assert stored_sums(desk, 1) == stored_sums(desk, 2) == stored_sums(desk, 3)
    # What the next run may need is kept, not all that there ever was.
    assert len([*desk.image.parent.glob("listing-*")]) == 2
    assert desk.verify(Depth.RESTORED).problems == ()


def kept_text(desk: Desk) -> Path:
    """The listing's text as the last run has left it."""
    (kept,) = desk.image.parent.glob("listing-*")
    return kept


@pytest.mark.parametrize("harm", [Path.unlink, lambda kept: kept.write_bytes(b"junk")])
def test_a_listing_is_edited_right_where_its_text_was_lost(
    desk: Desk, harm: Callable[[Path], object]
) -> None:
    harm(kept_text(desk))
    newer = {b"srv/0": b"small", b"srv/2": os.urandom(5 << 20)}
    for name, content in newer.items():
        put(desk.source / os.fsdecode(name), content, 2 * 10**18)
    assert not looked_at_everything(desk)
    found = {entry.path: entry.sha256 for entry in desk.listing(2)}
    assert len(found) == 4
    for name, content in newer.items():
        assert found[name] == hashlib.sha256(content).digest()
    desk.back_up(itemises=True)
    assert kept_text(desk)
    assert desk.verify(Depth.RESTORED).problems == ()


def record_as_before(desk: Desk, number: int) -> None:
    """Have a manifest as older versions wrote it: the stored listing has all lines."""
    manifest = desk.manifest(number).manifest
    listing = zstandard.compress(b"".join(write_sums(desk.listing(number))))
    key = f"lapseguard/sums/{manifest.run}.sha256.zst"
    desk.store.put(key, listing)
    sums = SumsFact(key=key, sha256=hashlib.sha256(listing).hexdigest())
    older = write_manifest(replace(manifest, sums=sums), desk.key.sign, desk.key.public_text)
    desk.store.put(manifest_key(number, manifest.run), older)
    kept_text(desk).unlink()


def test_a_run_goes_on_from_a_manifest_of_an_older_version(desk: Desk) -> None:
    before = desk.listing(1)
    record_as_before(desk, 1)
    assert desk.listing(1) == before
    put(desk.source / "srv/2", b"newer", 2 * 10**18)
    desk.back_up(itemises=True)
    assert [entry for entry in desk.listing(2) if entry not in before] == [
        FileSum(path=b"srv/2", sha256=hashlib.sha256(b"newer").digest())
    ]
    assert desk.verify(Depth.RESTORED).problems == ()
    desk.walk_every = timedelta(0)
    desk.back_up(itemises=True)
    assert desk.listing(3) == desk.listing(2)
    assert stored_sums(desk, 3) < stored_sums(desk, 2)
