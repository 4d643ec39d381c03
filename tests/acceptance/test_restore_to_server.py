"""A replacement server: a run is pushed to it with all that root restores, and compared there."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from tests.parts.installation import Install, Installation
from tests.parts.nasty_tree import compare_trees
from tests.parts.requirement import require, require_program
from tests.parts.sshd import Sshd


@pytest.fixture(scope="module")
def saved(install: Install, nasty_tree: Path) -> Installation:
    """A server with every kind of entry, saved once into a folder; look, do not change."""
    require(os.geteuid() == 0, "the right to restore owners", "run as root")
    require_program("rsync", "rsync")
    installation = install()
    installation.enrol(nasty_tree)
    installation.back_up()
    return installation


def words(saved: Installation, sshd: Sshd, there: Path, *more: str) -> tuple[str, ...]:
    target = sshd.target()
    return (
        *("restore", saved.name, "--to", f"{target.user}@{target.host}:{there}"),
        *("--port", str(target.port), "--identity", target.identity, *more),
    )


def test_everything_arrives_on_the_new_server_as_it_was(
    saved: Installation, sshd: Sshd, nasty_tree: Path, tmp_path: Path
) -> None:
    there = tmp_path / "new" / "server"

    said = saved.program.do(*words(saved, sshd, there, "--host-key", sshd.host_key))

    assert "Compared there, file by file: equal." in said
    differences = compare_trees(nasty_tree, there / nasty_tree.relative_to("/"), sparse=True)
    assert [each for each in differences if "socket" not in each] == []
    assert not [entry.name for entry in there.iterdir() if entry.name.startswith(".")]
    assert not list(saved.program.state.glob("push-*"))


def test_what_is_larger_than_staging_arrives_in_parts(
    saved: Installation, sshd: Sshd, nasty_tree: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    left = ("--exclude", str(nasty_tree / "hard-links"))
    asked = words(saved, sshd, there, "--host-key", sshd.host_key, *left)

    done = json.loads(saved.program.do(*asked, "--staging-limit", "24MiB", "--json"))

    assert (done["complete"], done["parts"] > 2) == (True, True)
    skip = {
        os.fsencode(path.relative_to(nasty_tree))
        for path in (nasty_tree / "hard-links", *(nasty_tree / "hard-links").rglob("*"))
    }
    differences = compare_trees(nasty_tree, there / nasty_tree.relative_to("/"), skip=skip)
    assert [each for each in differences if "socket" not in each] == []
    assert not list(saved.program.state.glob("push-*"))
    refused = saved.program.run(*asked, "--overwrite", "--staging-limit", "1MiB")
    assert (refused.exit_code, "alone takes" in refused.err) == (1, True)


def test_the_folder_itself_keeps_its_mode_and_what_else_is_in_it(
    saved: Installation, sshd: Sshd, nasty_tree: Path, tmp_path: Path
) -> None:
    there = tmp_path / "root"
    there.mkdir(mode=0o751)
    (there / "other").write_text("mine")
    wanted = str(nasty_tree / "modes")
    asked = words(saved, sshd, there, "--host-key", sshd.host_key, "--include", wanted)

    refused = saved.program.run(*asked)
    assert refused.exit_code == 1
    assert "is not empty: other." in refused.err
    done = json.loads(saved.program.do(*asked, "--overwrite", "--json"))

    assert (done["complete"], done["differences"]) == (True, [])
    assert (there / "other").read_text() == "mine"
    assert there.stat().st_mode & 0o777 == 0o751
    restored = there / nasty_tree.relative_to("/")
    assert compare_trees(nasty_tree / "modes", restored / "modes") == []
    assert [path.name for path in restored.iterdir()] == ["modes"]


def test_a_file_there_of_equal_size_and_time_but_other_bytes_is_replaced(
    saved: Installation, sshd: Sshd, nasty_tree: Path, tmp_path: Path
) -> None:
    there, original = tmp_path / "root", nasty_tree / "names" / "plain.txt"
    planted = there / original.relative_to("/")
    planted.parent.mkdir(parents=True)
    planted.write_bytes(b"x" * original.stat().st_size)
    os.utime(planted, ns=(0, original.stat().st_mtime_ns))
    asked = words(saved, sshd, there, "--host-key", sshd.host_key, "--include", str(original))

    saved.program.do(*asked, "--overwrite")

    assert planted.read_bytes() == original.read_bytes()


def test_a_key_is_pinned_before_anything_is_sent(
    saved: Installation, sshd: Sshd, make_sshd, tmp_path: Path
) -> None:
    other = make_sshd()
    there = tmp_path / "there"
    unknown = words(saved, other, there, "--identity", other.target().identity)

    ended = saved.program.run(*unknown)
    assert (ended.exit_code, "No key is known" in ended.err) == (2, True)
    ended = saved.program.run(*unknown, "--host-key", sshd.host_key)
    assert ended.exit_code == 1
    assert "host key" in ended.err
    unconfirmed = saved.program.run(*unknown, "--scan")
    assert unconfirmed.exit_code != 0
    assert "SHA256:" in unconfirmed.err + unconfirmed.out
    assert not there.exists()


def test_without_root_there_what_could_not_be_set_makes_it_incomplete(
    saved: Installation, unprivileged_sshd: Sshd, nasty_tree: Path
) -> None:
    # Not below the folder of the tests, which no other user may enter.
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        there.chmod(0o777)
        pinned = ("--host-key", unprivileged_sshd.host_key)
        wanted = ("--include", str(nasty_tree / "modes"))

        ended = saved.program.run(*words(saved, unprivileged_sshd, there, *pinned, *wanted))

    assert ended.exit_code == 3, ended.err
    assert "Incomplete" in ended.out
