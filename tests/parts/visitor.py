"""A repository that stock restic wrote, and a person who has its password and nothing else."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backends.repository.pack import pack_key
from backends.repository.snapshot import list_snapshots
from backends.types import BlobKind
from tests.parts.program import Ended, Program
from tests.parts.restic_repositories import ResticRepository

NOISE = os.urandom(40_000)


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


@pytest.fixture(scope="module")
def saved_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was saved: a tree with a link, a hard link, an odd name and a pipe."""
    folder = tmp_path_factory.mktemp("saved_folder")
    (folder / "below").mkdir()
    (folder / "below" / "noise").write_bytes(NOISE)
    (folder / "text").write_text("and so on\n" * 500)
    (folder / "twin").hardlink_to(folder / "text")
    (folder / "two\nlines \u202e").write_text("odd")
    (folder / "link").symlink_to("text")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture(scope="module", params=["version 1", "version 2"])
def saved_by_restic(
    request: pytest.FixtureRequest,
    new_restic_repository: Callable[[str], ResticRepository],
    saved_folder: Path,
) -> ResticRepository:
    """Two snapshots by stock restic: of half the tree on one host, of all of it on another."""
    repository: ResticRepository = new_restic_repository(request.param)
    repository.run(
        "backup", str(saved_folder / "below"), "--host", "old-1", "--time", "2024-01-01 00:00:00"
    )
    repository.run("backup", str(saved_folder), "--host", "web-1", "--tag", "weekly")
    return repository


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A person with a repository and its password, and no installation."""

    program: Program
    files: ResticRepository

    @property
    def place(self) -> Path:
        return self.files.place

    @property
    def password_file(self) -> Path:
        return self.program.folder / "password"

    def words(self, command: str, *words: str) -> tuple[str, ...]:
        url = str(self.place)
        opening = ("--password-file", str(self.password_file))
        return ("repository", *command.split(), url, *opening, *words)

    def run(self, command: str, *words: str) -> Ended:
        return self.program.run(*self.words(command, *words))

    def ask(self, command: str, *words: str, exit_code: int = 0) -> Any:
        ended = self.run(command, *words, "--json")
        assert ended.exit_code == exit_code, ended.err + ended.out
        return ended.document

    def fail(self, command: str, *words: str, exit_code: int = 2) -> dict[str, str]:
        return self.program.fail(*self.words(command, *words), exit_code=exit_code)

    def everything(self) -> set[Path]:
        return set(self.place.rglob("*"))

    def damage(self, key: str, position: int | None = None) -> str:
        """Flip a bit of an object, or take it away; gives its name back."""
        path = self.place / key
        path.chmod(0o600)
        if position is None:
            path.unlink()
            return key
        content = bytearray(path.read_bytes())
        content[position] ^= 0x10
        path.write_bytes(content)
        return key

    def pack_of(self, name: bytes) -> str:
        """The pack with the content of a file of the newest snapshot."""
        reader = self.files.reader()
        for walked in reader.walk(list_snapshots(self.files.open())[-1].tree):
            if walked.node.name == name:
                return pack_key(reader.index.lookup(BlobKind.DATA, walked.node.content[0])[0].pack)
        raise AssertionError


@pytest.fixture
def visitor(program: Program, saved_by_restic: ResticRepository, tmp_path: Path) -> Visitor:
    """With a copy of the repository that may be damaged."""
    private(tmp_path / "password", saved_by_restic.password)
    return Visitor(program=program, files=saved_by_restic.copy(tmp_path / "repository"))
