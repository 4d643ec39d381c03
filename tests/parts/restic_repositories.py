"""Repositories that stock restic wrote, whose passwords take no time to try."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.objectstore.directory import DirectoryStore
from backends.repository.keys import create_key, list_keys, remove_key
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.scrypt import ScryptCost
from tests.parts.restic import Restic

FLAVOURS = {
    "version 1": ("1", "auto"),
    "version 2": ("2", "auto"),
    "version 2 uncompressed": ("2", "off"),
    "version 2 compressed hard": ("2", "max"),
}
#: What `restic check` prints of damage; it prints of retries too, in other words.
_COMPLAINT = re.compile(rb"^(pack [0-9a-f]{64}: |error)", re.MULTILINE)
_PATIENCE = 2
#: The least that restic accepts.
_CHEAP = ScryptCost(n=1024, r=8, p=1)


class ResticCheck:
    """A `restic check` under way.

    restic 0.14 asks for an object that is gone ten times over most of a minute. What it has said
    by then decides its verdict already, so it is not waited for.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def finds_it_sound(self) -> bool:
        """Its verdict."""
        said = b""
        while True:
            try:
                _, said = self._process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired as error:
                if not _COMPLAINT.search(error.stderr or b""):
                    continue
                self._process.kill()
                self._process.communicate()
                return False
            assert self._process.returncode in (0, 1), said
            return self._process.returncode == 0


@dataclass(frozen=True, kw_only=True)
class ResticRepository:
    """A repository in a folder, with restic at hand.

    Attributes:
        place: The folder.
        password: One that opens it.
        compression: What restic is told with `--compression`.
        restic: The program.
    """

    place: Path
    password: str
    compression: str
    restic: Restic

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        """Run restic on it; it must end well."""
        return self.restic(
            str(self.place), self.password, "--compression", self.compression, *arguments, env=env
        )

    def start_check(self, *, read_data: bool) -> "ResticCheck":
        """Let `restic check` begin."""
        options = ("--read-data",) if read_data else ()
        # Its cache would hide that objects are gone or altered; its lock keeps others out.
        process = self.restic.start(
            str(self.place), self.password, "--no-cache", "--no-lock", "check", *options
        )
        return ResticCheck(process)

    def open(self) -> Repository:
        """Open it with our own code."""
        return Repository.open(DirectoryStore(self.place), self.password)

    def reader(self) -> BlobReader:
        """Read it with our own code."""
        repository = self.open()
        return BlobReader(repository, repository.load_index())

    def copy(self, place: Path) -> "ResticRepository":
        """The same repository somewhere else, to be changed."""
        shutil.copytree(self.place, place)
        return ResticRepository(
            place=place,
            password=self.password,
            compression=self.compression,
            restic=self.restic,
        )


@pytest.fixture(scope="session")
def new_restic_repository(
    restic: Restic, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], ResticRepository]:
    """Make an empty repository of one of the `FLAVOURS`; init is slow, so copies are given."""
    made: dict[str, ResticRepository] = {}

    def make(flavour: str) -> ResticRepository:
        version, compression = FLAVOURS[flavour]
        if version not in made:
            made[version] = _init(restic, tmp_path_factory.mktemp("restic") / "empty", version)
        copy = made[version].copy(tmp_path_factory.mktemp("restic") / "repository")
        return ResticRepository(
            place=copy.place, password=copy.password, compression=compression, restic=restic
        )

    return make


def _init(restic: Restic, place: Path, version: str) -> ResticRepository:
    password = "battery staple"  # noqa: S105 - guards nothing
    restic(str(place), password, "init", "--repository-version", version)
    store = DirectoryStore(place)
    repository = Repository.open(store, password)
    cheap = create_key(store, repository.master, password, cost=_CHEAP)
    for key in list_keys(store):
        if key.id != cheap:
            remove_key(store, key.id, in_use=cheap)
    return ResticRepository(place=place, password=password, compression="auto", restic=restic)
