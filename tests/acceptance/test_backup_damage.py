"""Objects that a store loses or spoils: verify names them, and the next backup makes them good.

Good for everybody: stock restic checks and restores afterwards as well.
"""

import random
from pathlib import Path

import pytest

from tests.parts.installation import Install, Installation
from tests.parts.nasty_tree import compare_trees
from tests.parts.restic import Restic

MIB = 2**20


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server has: a pack of data, and one of folders."""
    folder = tmp_path_factory.mktemp("source")
    content = random.Random(1).randbytes(3 * MIB)  # noqa: S311 - only has to be large
    (folder / "large").write_bytes(content)
    (folder / "small").write_text("small")
    return folder


@pytest.fixture
def saved(install: Install, source: Path) -> Installation:
    """A server that has been saved into a folder once."""
    installation = install()
    installation.enrol(source)
    installation.back_up()
    return installation


def largest_pack(installation: Installation) -> str:
    """The key of a pack with file content."""
    return max(installation.objects.list("data/"), key=lambda info: info.size).key


def flip(installation: Installation, key: str) -> None:
    """Change one bit of an object, as rotten disks do."""
    file = Path(installation.place.restic_url(installation.name)) / key
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)


def heals(installation: Installation, restic: Restic, source: Path, target: Path) -> None:
    """The next backup is proven, and stock restic checks and restores it."""
    row = installation.back_up()
    assert (row["state"], row["verification"]["matches_source"]) == ("verified", True)
    assert "no errors were found" in installation.restic(restic, "check", "--read-data")
    installation.restic(restic, "restore", "latest", "--target", str(target))
    assert compare_trees(source, target / source.relative_to("/")) == []


def verify(installation: Installation, *words: str) -> list[str]:
    """What a verification that must fail finds."""
    ended = installation.program.run("verify", *words, "--json")
    assert ended.exit_code == 1
    assert ended.document["outcome"] == "failed"
    problems: list[str] = ended.document["problems"]
    return problems


def test_a_pack_that_is_gone(
    saved: Installation, restic: Restic, source: Path, tmp_path: Path
) -> None:
    first, pack = saved.latest(), largest_pack(saved)
    saved.objects.delete(pack)
    (problem,) = verify(saved, saved.name, "--depth", "stored")
    assert problem == f"The pack {pack.split('/')[-1][:16]}… is not in the store."
    assert saved.latest()["verification"]["outcome"] == "failed"
    heals(saved, restic, source, tmp_path)
    assert verify(saved, first["run"]) == [problem]


def test_a_pack_with_a_flipped_bit(
    saved: Installation, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """Its size is right, so it takes reading to see; whoever reads first warns the others."""
    first, pack = saved.latest(), largest_pack(saved)
    flip(saved, pack)
    assert saved.program.ask("verify", saved.name, "--depth", "stored")["outcome"] == "passed"
    problems = verify(saved, saved.name, "--depth", "hashed")
    assert problems[0].startswith(f"{pack}: ")
    heals(saved, restic, source, tmp_path)
    (problem,) = verify(saved, first["run"], "--depth", "stored")
    assert "read earlier and found damaged" in problem


def test_an_index_object_that_is_damaged(
    saved: Installation, restic: Restic, source: Path, tmp_path: Path
) -> None:
    """Packs say themselves what they hold, so nothing is stored twice; a restore needs no index."""
    (index,) = saved.objects.list("index/")
    flip(saved, index.key)
    assert index.key in verify(saved, saved.name)[0]
    root = saved.restore(tmp_path / "before")
    assert compare_trees(source, root / source.relative_to("/")) == []
    heals(saved, restic, source, tmp_path)
    assert saved.latest()["new_bytes"] < MIB


def test_a_manifest_that_is_gone(saved: Installation) -> None:
    """The database still knows it: the chain goes on, and the gap stays visible."""
    first = saved.latest()
    key = f"lapseguard/manifests/00000001-{first['run']}.json"
    saved.objects.delete(key)
    assert verify(saved, saved.name) == [f"{key} is not in the store."]
    saved.back_up()
    names = [info.key.split("/")[-1] for info in saved.objects.list("lapseguard/manifests/")]
    assert [name.split("-")[0] for name in names] == ["00000002"]
    assert verify(saved, first["run"]) == [f"{key} is not in the store."]
