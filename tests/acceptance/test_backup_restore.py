"""The main story: a server is saved, proven, on record, and comes back, with and without us."""

import hashlib
import json
import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.repository.repository import Repository
from backends.signing import SigningKey, verify_signature
from backends.types import BlobKind
from daemon.domain.manifest_document import read_manifest
from tests.parts.installation import Install, Installation, new_bucket
from tests.parts.nasty_tree import BEYOND_OLD_RESTIC, compare_trees
from tests.parts.object_servers import RcloneServer, SeaweedServer
from tests.parts.requirement import require_program
from tests.parts.restic import Restic

MIB = 2**20
#: What issue lists and reports rely on; a field may be added, never dropped.
HISTORY_FIELDS = {
    *("run", "server", "kind", "state", "started_at", "finished_at", "files", "bytes"),
    *("stored_bytes", "new_bytes", "snapshot", "manifest_sha256", "store", "verification"),
}
#: What restic 0.14 loses of a tree that it saved itself: hard links of what is no file, years
#: beyond 2262; and it sets a link's attributes on what the link points to.
LOST_BY_OLD_RESTIC = (
    *((name, "linked") for name in (b"hard-links/fifo", b"hard-links/other/same fifo")),
    *((name, "linked") for name in (b"hard-links/symlink", b"hard-links/other/same symlink")),
    (b"times/2400", "mtime_ns"),
    (b"xattrs/link", "xattrs"),
    (b"xattrs/trusted", "xattrs"),
)


def below(root: Path, path: Path) -> Path:
    """Where the server's absolute `path` is in a restored tree."""
    return root / path.relative_to("/")


def lost_by_old_restic(difference: str) -> bool:
    return any(difference.startswith(f"{name!r}: {fact} ") for name, fact in LOST_BY_OLD_RESTIC)


@pytest.fixture(scope="module")
def second_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second folder of the server, with spaces in its name and a wildcard."""
    folder = tmp_path_factory.mktemp("more") / "second path [of two] *"
    folder.mkdir()
    (folder / "note, with spaces").write_text("second")
    (folder.parent / "second path of two").mkdir()
    (folder.parent / "second path of two" / "unasked").write_text("matches the wildcard")
    return folder


@pytest.fixture(scope="module")
def saved(
    install: Install, s3_server: SeaweedServer, nasty_tree: Path, second_path: Path
) -> Installation:
    """A server with every kind of entry, saved once into S3; look, do not change."""
    require_program("rsync", "rsync")
    installation = install(new_bucket(s3_server))
    installation.enrol(nasty_tree, second_path)
    installation.back_up()
    return installation


def test_the_history_says_verified_with_every_figure(saved: Installation, nasty_tree: Path) -> None:
    (row,) = saved.program.ask("history")
    assert row.keys() >= HISTORY_FIELDS
    assert (row["server"], row["kind"], row["state"]) == ("web-1", "manual", "verified")
    assert (row["store"], row["error"]) == ("main", None)
    proof = row["verification"]
    assert (proof["depth"], proof["outcome"]) == ("stored", "passed")
    assert proof["matches_source"] is True
    assert row["started_at"] <= proof["checked_at"] <= row["finished_at"]
    names = [path for path in nasty_tree.rglob("*") if path.is_file() and not path.is_symlink()]
    assert row["files"] == len(names) + 1
    assert row["bytes"] == sum(path.stat().st_size for path in names) + len("second")
    assert 0 < row["stored_bytes"] < row["new_bytes"] < row["bytes"]
    assert len(row["snapshot"]) == len(row["manifest_sha256"]) == 64


def test_stock_restic_finds_no_error_and_restores_an_equal_tree(
    saved: Installation, restic: Restic, nasty_tree: Path, second_path: Path, tmp_path: Path
) -> None:
    assert "no errors were found" in saved.restic(restic, "check", "--read-data")
    saved.restic(restic, "restore", "latest", "--target", str(tmp_path))
    restored = below(tmp_path, nasty_tree)
    differences = compare_trees(nasty_tree, restored, skip=BEYOND_OLD_RESTIC)
    assert [found for found in differences if not lost_by_old_restic(found)] == []
    assert compare_trees(second_path.parent, below(tmp_path, second_path.parent)) == [
        "b'second path of two' is missing",
        "b'second path of two/unasked' is missing",
    ]


def test_the_snapshot_says_whose_it_is(
    saved: Installation, restic: Restic, nasty_tree: Path, second_path: Path
) -> None:
    (snapshot,) = json.loads(saved.restic(restic, "snapshots", "--json"))
    row = saved.latest()
    assert (snapshot["id"], snapshot["hostname"]) == (row["snapshot"], "web-1")
    assert snapshot["paths"] == sorted([str(nasty_tree), str(second_path)])
    assert snapshot["tags"] == ["lapseguard", row["run"]]


def test_our_restore_gives_an_equal_tree_that_sha256sum_accepts(
    saved: Installation, nasty_tree: Path, tmp_path: Path
) -> None:
    root = saved.restore(tmp_path / "restored")
    assert compare_trees(nasty_tree, below(root, nasty_tree), sparse=True) == []
    run = saved.latest()["run"]
    listing = tmp_path / "SHA256SUMS"
    listing.write_bytes(os.fsencode(saved.program.do("show", run, "--sums")))
    assert listing.read_bytes().count(b"\n") == saved.latest()["files"]
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", listing],
        cwd=root,
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    manifest = saved.program.ask("show", run)["manifest"]
    assert hashlib.sha256(listing.read_bytes()).hexdigest() == manifest["sums_sha256"]
    assert saved.program.ask("show", run, "--sums")["sums_sha256"] == manifest["sums_sha256"]


def test_the_signed_manifest_alone_proves_a_restored_tree(
    saved: Installation, tmp_path: Path
) -> None:
    """The command of the runbook: neither this program, nor the repository, nor its password."""
    root = saved.restore(tmp_path / "restored")
    runbook = Path(__file__).parents[2] / "deploy/runbooks/restore.md"
    (command,) = re.findall(r"^find \..*?(?=\n```)", runbook.read_text(), re.MULTILINE | re.DOTALL)
    require_program("perl", "perl")
    printed = subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, check=True)
    manifest = saved.program.ask("show", saved.latest()["run"])["manifest"]
    assert printed.stdout.split() == [manifest["sums_sha256"].encode(), b"-"]


def test_only_what_is_included_is_restored(
    saved: Installation, nasty_tree: Path, second_path: Path, tmp_path: Path
) -> None:
    wanted = (nasty_tree / "links", second_path / "note, with spaces")
    options = [word for path in wanted for word in ("--include", str(path))]
    root = saved.restore(tmp_path / "restored", *options)
    found = {path.relative_to(below(root, nasty_tree)) for path in root.rglob("*/tree/*")}
    assert {path.parts[0] for path in found} == {"links"}
    assert compare_trees(nasty_tree / "links", below(root, nasty_tree / "links")) == []
    assert (below(root, second_path) / "note, with spaces").read_text() == "second"


def test_what_is_asked_back_is_said_beforehand_and_missed_if_it_is_not_there(
    saved: Installation, nasty_tree: Path, tmp_path: Path
) -> None:
    asked = ("restore", saved.name, "--target", str(tmp_path / "out"), "--include")
    said = saved.program.do(*asked, str(nasty_tree / "links"), "--dry-run")
    assert f"of {saved.name} ({saved.latest()['run']}) into {tmp_path / 'out'}" in said
    assert not (tmp_path / "out").exists()
    ended = saved.program.run(*asked, str(nasty_tree / "never"))
    assert ended.exit_code == 3
    assert f"{str(nasty_tree)[1:]}/never" in ended.err
    assert saved.program.run(*asked, str(nasty_tree / "links")).exit_code == 0
    again = saved.program.run(*asked, str(nasty_tree / "links"))
    assert again.exit_code == 1
    assert "is not empty" in again.err


@pytest.mark.parametrize("depth", ["stored", "hashed", "restored"])
def test_every_depth_of_proof_is_reached_and_stands_in_the_history(
    saved: Installation, depth: str
) -> None:
    found = saved.program.ask("verify", saved.name, "--depth", depth)
    assert (found["depth"], found["outcome"], found["problems"]) == (depth, "passed", [])
    shown = saved.program.ask("show", found["run"])["verifications"][-1]
    assert (shown["depth"], shown["outcome"], shown["matches_source"]) == (depth, "passed", True)


def test_the_printed_commands_open_the_backup_without_us(
    saved: Installation, restic: Restic, second_path: Path, tmp_path: Path
) -> None:
    shown = saved.program.ask("show", saved.latest()["run"])["restic"]
    said = saved.program.do("show", saved.latest()["run"])
    lines = [*shown["environment"], *shown["commands"]]
    assert "\n".join(lines) in said
    assert saved.password not in said
    here = [line.replace("/tmp/restored", str(tmp_path / "out")) for line in lines]  # noqa: S108 - printed so
    pasted = saved.paste(here)
    assert pasted.returncode == 0, pasted.stderr
    assert "no errors were found" in pasted.stdout
    assert (below(tmp_path / "out", second_path) / "note, with spaces").read_text() == "second"


def test_the_bucket_holds_the_same_record_signed_by_us(saved: Installation) -> None:
    row = saved.latest()
    document = saved.objects.get(f"lapseguard/manifests/00000001-{row['run']}.json")
    assert hashlib.sha256(document).hexdigest() == row["manifest_sha256"]
    signed = read_manifest(document)
    key = SigningKey.load(saved.program.state / "secrets/manifest_signing_key")
    verify_signature(key.public_text, signed.message, signed.signature)
    manifest = signed.manifest
    assert manifest.repository.snapshot == row["snapshot"]
    assert (manifest.files, manifest.bytes) == (row["files"], row["bytes"])
    in_bucket = {info.key.split("/")[-1]: info for info in saved.objects.list("data/")}
    assert {pack.id: pack.size for pack in manifest.packs} == {
        name: info.size for name, info in in_bucket.items()
    }
    assert all(pack.attested for pack in manifest.packs)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small tree that a test may change."""
    folder = tmp_path / "the site"
    (folder / "pages").mkdir(parents=True)
    (folder / "large").write_bytes(random.Random(1).randbytes(12 * MIB))  # noqa: S311 - only noise
    (folder / "other").write_bytes(random.Random(2).randbytes(MIB))  # noqa: S311 - only noise
    (folder / "pages" / "index").write_text("welcome")
    (folder / "pages" / "old").write_text("to be deleted")
    return folder


def data_packs(installation: Installation) -> set[bytes]:
    """Packs of the repository that hold file content."""
    repository = Repository.open(installation.objects, installation.password)
    return {
        pack.pack
        for pack in repository.load_index().packs()
        if any(blob.kind is BlobKind.DATA for blob in pack.blobs)
    }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_either_database_and_a_plain_folder_will_do(
    install: Install, request: pytest.FixtureRequest, kind: str, site: Path, tmp_path: Path
) -> None:
    """A folder attests no checksum, so the proof goes to `hashed` without being asked."""
    options: tuple[str, ...] = ()
    if kind == "postgresql":
        create: Callable[[str], str] = request.getfixturevalue("create_postgres")
        options = ("--database", create("template0"))
    installation = install(options=options)
    installation.enrol(site)
    first, second = installation.back_up(), installation.back_up()
    assert [row["run"] for row in installation.program.ask("history")] == [
        second["run"],
        first["run"],
    ]
    assert second["verification"]["depth"] == "hashed"
    assert second["verification"]["matches_source"] is True
    compared = installation.program.ask("show", second["run"])["manifest"]["comparison"]
    assert compared["unchanged"] + compared["compared"] == second["files"] > 0
    assert installation.program.ask("verify", first["run"])["outcome"] == "passed"
    root = installation.restore(tmp_path / "restored")
    assert compare_trees(site, below(root, site)) == []


def test_a_store_that_vouches_for_nothing_is_read_back(
    install: Install, rclone_server: RcloneServer, site: Path
) -> None:
    installation = install(new_bucket(rclone_server))
    installation.enrol(site)
    proof = installation.back_up()["verification"]
    assert (proof["depth"], proof["outcome"]) == ("hashed", "passed")


def test_an_unchanged_server_costs_nothing(install: Install) -> None:
    """One file, in folders that nobody touches meanwhile."""
    program = Path(require_program("rsync", "rsync")).resolve()
    installation = install()
    installation.enrol(program)
    installation.back_up()
    before = {info.key for info in installation.objects.list("data/")}
    row = installation.back_up()
    assert (row["new_bytes"], row["stored_bytes"], row["bytes"]) == (0, 0, program.stat().st_size)
    assert {info.key for info in installation.objects.list("data/")} == before
    assert row["verification"]["matches_source"] is True


def test_a_small_change_costs_about_itself(
    install: Install, restic: Restic, site: Path, tmp_path: Path
) -> None:
    installation = install()
    installation.enrol(site)
    installation.back_up()
    with (site / "large").open("r+b") as file:
        file.seek(5 * MIB)
        file.write(b"changed")
    (site / "pages" / "new").write_text("new")
    (site / "pages" / "old").unlink()
    (site / "pages" / "index").rename(site / "home")
    row = installation.back_up()
    assert 0 < row["new_bytes"] < 9 * MIB
    assert row["verification"]["matches_source"] is True
    root = installation.restore(tmp_path / "restored")
    assert compare_trees(site, below(root, site)) == []
    assert "no errors were found" in installation.restic(restic, "check", "--read-data")


def test_new_names_and_attributes_move_no_data(
    install: Install, site: Path, tmp_path: Path
) -> None:
    require_program("setfacl", "acl")
    installation = install()
    installation.enrol(site)
    installation.back_up()
    before = data_packs(installation)
    (site / "large").chmod(0o4750)
    (site / "other").rename(site / "pages" / "renamed")
    os.setxattr(site / "pages" / "old", "user.note", b"later")
    subprocess.run(["setfacl", "-m", "u:1234:rw", site / "pages" / "index"], check=True)
    os.utime(site / "pages", ns=(1, 1))
    row = installation.back_up()
    assert data_packs(installation) == before
    assert row["verification"]["matches_source"] is True
    root = installation.restore(tmp_path / "restored")
    assert compare_trees(site, below(root, site)) == []


def test_paths_and_excludes_may_change_between_runs(
    install: Install, site: Path, tmp_path: Path
) -> None:
    """The snapshot holds what was asked for, whatever staging has from earlier."""
    installation = install()
    installation.enrol(site)
    installation.back_up()
    update = ("server", "update", installation.name, "--path", str(site / "pages"))
    installation.program.do(*update, "--exclude", "old")
    assert installation.back_up()["files"] == 1
    root = installation.restore(tmp_path / "restored")
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["index"]


def test_the_short_name_of_the_command_shows_what_it_would_do(install: Install, site: Path) -> None:
    installation = install()
    installation.enrol(site, options=("--exclude", "*.tmp"))
    before = installation.program.ask("backup-now", installation.name, "--dry-run")
    shown = subprocess.run(
        [Path(sys.executable).parent / "backup-now", "--dry-run", "--all", "--json"],
        env=installation.program.surroundings,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (preview,) = json.loads(shown.stdout)
    assert [preview] == before
    assert (preview["paths"], preview["last_run"]) == ([str(site)], None)
    assert "--filter=- *.tmp" in shlex.split(preview["command"])
    assert installation.program.ask("history") == []
    assert list(installation.place.open("").list("")) == []
