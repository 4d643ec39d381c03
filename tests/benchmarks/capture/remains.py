"""What stock restic gives back of a tree."""

import filecmp
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.benchmarks.capture.measure import CommandFailed, run, say
from tests.benchmarks.capture.record import Remains
from tests.benchmarks.capture.rig import Rig
from tests.benchmarks.capture.trees import Tree

#: Where a copy has what had come of files that were not complete.
_UNFINISHED = ".lapseguard/unfinished"
_PART = 1 << 20


def read_snapshots(rig: Rig, prefix: str) -> dict[str, bytes]:
    """The repository snapshots, by id."""
    client, folder = rig.store.client(), f"{prefix}/snapshots/"
    listing = client.list_objects_v2(Bucket=rig.bucket, Prefix=folder)
    return {
        each["Key"].removeprefix(folder): client.get_object(Bucket=rig.bucket, Key=each["Key"])[
            "Body"
        ].read()
        for each in listing.get("Contents", ())
    }


def put_back(rig: Rig, prefix: str, snapshots: Mapping[str, bytes]) -> None:
    """A newer checkpoint has replaced what was there at that moment; its data is there still."""
    for name, content in snapshots.items():
        key = f"{prefix}/snapshots/{name}"
        rig.store.client().put_object(Bucket=rig.bucket, Key=key, Body=content)


def find_remains(env: dict[str, str], tree: Tree, snapshots: Mapping[str, bytes]) -> Remains:
    """What the newest of these gives back."""
    if not snapshots:
        return Remains()
    argv = ("restic", "snapshots", "--json", *snapshots)
    listed = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, check=True)
    newest = max(json.loads(listed.stdout), key=lambda each: each["time"])["id"]
    target = Path(tempfile.mkdtemp(prefix="restored-", dir=tree.path.parent))
    try:
        run(("restic", "restore", "-q", newest, "--target", str(target)), env)
        return Remains(
            whole=sum(path.stat().st_size for path in _equal_files(target, tree)),
            beginnings=_beginnings(target / _UNFINISHED, tree),
        )
    except CommandFailed as error:
        say(f"restic restores nothing whole: {error}")
        return Remains()
    finally:
        shutil.rmtree(target)


def _equal_files(target: Path, tree: Tree) -> Iterator[Path]:
    root = target / tree.path.relative_to("/")
    for folder, _, names in os.walk(root):
        for name in names:
            copy = Path(folder) / name
            original = tree.path / copy.relative_to(root)
            if not copy.is_symlink() and filecmp.cmp(copy, original, shallow=False):
                yield copy


def _beginnings(folder: Path, tree: Tree) -> int:
    if not folder.is_dir():
        return 0
    copies = [path for path in folder.iterdir() if path.is_file()]
    originals = {path.name: path for path in tree.path.rglob("*") if path.is_file()}
    return sum(
        copy.stat().st_size
        for copy in copies
        if copy.name in originals and _begins_with(originals[copy.name], copy)
    )


def _begins_with(original: Path, copy: Path) -> bool:
    with original.open("rb") as whole, copy.open("rb") as part:
        while content := part.read(_PART):
            if whole.read(len(content)) != content:
                return False
    return True
