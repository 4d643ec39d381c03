"""Large files are stored while they arrive, and only what was announced and compared counts."""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.capture.following import GROWTH_INTERVAL
from backends.capture.intake import SETTLE_SECONDS, Intake
from backends.capture.ledger import Ledger
from backends.capture.packing import Packing
from backends.capture.progress import CaptureProgress
from backends.objectstore.memory import MemoryStore
from backends.repository.blob import identify
from backends.repository.chunker import chunks
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.writer import RepositoryWriter
from backends.rsync.output import parse_line
from backends.rsync.pull import RsyncPull
from backends.rsync.scratch import incoming_folder
from backends.types import Arrival, BlobKind, PullSpec
from tests.parts.folder_pull import line_of
from tests.parts.line import Line
from tests.parts.repository import make_repository
from tests.parts.requirement import require_program
from tests.parts.waiting import noise, wait_until

MIB = 1 << 20


def arrival(name: str, content: bytes) -> Arrival:
    event = parse_line(line_of(name, content))
    assert isinstance(event, Arrival)
    return event


@dataclass(kw_only=True)
class Rig:
    """An image, the folder where rsync would write, and a repository with small packs."""

    image: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    progress: CaptureProgress = field(default_factory=CaptureProgress)

    def __post_init__(self) -> None:
        self.repository: Repository = make_repository(self.store)
        self.index = self.repository.load_index()
        self.ledger = Ledger(self.image.parent)
        self.incoming = Path(os.fsdecode(incoming_folder(os.fsencode(self.image))))
        self.image.mkdir()
        self.incoming.mkdir(parents=True)

    @contextmanager
    def intake(self) -> Iterator[Intake]:
        with RepositoryWriter(self.repository, self.index, pack_target=MIB) as writer:
            packing = Packing(writer=writer, ledger=self.ledger, progress=self.progress)
            try:
                with Intake(
                    os.fsencode(self.image), packing=packing, progress=CaptureProgress()
                ) as intake:
                    yield intake
            finally:
                writer.flush()

    @property
    def packs(self) -> int:
        return sum(info.size for info in self.store.list("data/"))

    def holds(self, content: bytes) -> bool:
        """Whether the repository has any piece of this."""
        pieces = (identify(piece) for piece in chunks(io.BytesIO(content)))
        return any(self.index.has(BlobKind.DATA, piece) for piece in pieces)

    def stored(self, name: str) -> bytes | None:
        """What the repository has of a staged file, where the source's checksum agreed."""
        content = self.ledger.find((self.image / name).stat())
        if content is None or not content.compared:
            return None
        reader = BlobReader(self.repository, self.repository.load_index())
        return b"".join(reader.load(blob, BlobKind.DATA) for blob in content.blobs)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(image=tmp_path / "image")


def test_a_file_is_in_the_store_before_it_is_complete(rig: Rig) -> None:
    content = noise(1, 24 * MIB)
    growing = rig.incoming / ".big.Ab12Cd"
    with rig.intake() as intake:
        growing.write_bytes(content[: 20 * MIB])
        wait_until(lambda: rig.packs > 8 * MIB)
        wait_until(lambda: rig.progress.read().read_bytes == 20 * MIB)
        time.sleep(2 * GROWTH_INTERVAL)  # that it has no more for a while is not its end
        with growing.open("ab") as file:
            file.write(content[20 * MIB :])
        growing.rename(rig.image / "big")
        intake.take(arrival("big", content))
    assert rig.stored("big") == content
    assert rig.progress.read().read_bytes == len(content)


def test_holes_at_the_beginning_and_at_the_end_are_read_as_zeros(rig: Rig) -> None:
    content = bytes(12 * MIB) + noise(2, 8 * MIB) + bytes(12 * MIB)
    growing = rig.incoming / ".big.Ab12Cd"
    with rig.intake() as intake:
        with growing.open("wb") as file:
            file.seek(12 * MIB)
            file.write(content[12 * MIB : 20 * MIB])
            file.flush()
            wait_until(lambda: rig.packs > 0)
            file.truncate(len(content))
        growing.rename(rig.image / "big")
        intake.take(arrival("big", content))
    assert rig.stored("big") == content


def test_a_file_that_another_takes_the_place_of_does_not_stand_for_it(rig: Rig) -> None:
    """The first attempt is thrown away by rsync, the second has one name and other bytes."""
    first, second = noise(3, 16 * MIB), noise(4, 16 * MIB)
    growing = rig.incoming / ".big.Ab12Cd"
    with rig.intake() as intake:
        growing.write_bytes(first)
        wait_until(lambda: rig.packs > 4 * MIB)
        growing.unlink()
        growing.write_bytes(second)
        growing.rename(rig.image / "big")
        intake.take(arrival("big", second))
    assert rig.stored("big") == second


def test_of_a_file_that_is_put_aside_only_whole_pieces_are_stored(rig: Rig) -> None:
    """The next attempt cuts it at the same places, and where this one ended is none of them."""
    content = noise(5, 16 * MIB)
    aside = rig.incoming.parent / "partial"
    aside.mkdir()
    growing = rig.incoming / ".big.Ab12Cd"
    with rig.intake():
        growing.write_bytes(content)
        wait_until(lambda: rig.progress.read().read_bytes == len(content))
        growing.rename(aside / "big")
        wait_until(lambda: all(each.name != "follow-file" for each in threading.enumerate()))
    *pieces, rest = (identify(piece) for piece in chunks(io.BytesIO(content)))
    assert any(rig.index.has(BlobKind.DATA, piece) for piece in pieces)
    assert not rig.index.has(BlobKind.DATA, rest)


def test_the_older_file_is_not_read_while_the_new_one_takes_its_place(rig: Rig) -> None:
    """Rsync announces first and renames then, which takes seconds where ext4 writes data out."""
    older, content = noise(10, 16 * MIB), noise(11, 16 * MIB)
    (rig.image / "big").write_bytes(older)
    growing = rig.incoming / ".big.Ab12Cd"
    with rig.intake() as intake:
        growing.write_bytes(content)
        wait_until(lambda: rig.progress.read().read_bytes == len(content))
        intake.take(arrival("big", content))
        time.sleep(4 * SETTLE_SECONDS)  # by then an arrival counts as settled
        growing.rename(rig.image / "big")
    assert rig.stored("big") == content
    assert not rig.holds(older)
    assert rig.progress.read().read_bytes == len(content)


def test_a_pull_that_ends_before_the_rename_keeps_nobody_waiting(rig: Rig) -> None:
    content = noise(12, 16 * MIB)
    with rig.intake() as intake:
        (rig.incoming / ".big.Ab12Cd").write_bytes(content)
        wait_until(lambda: rig.progress.read().read_bytes == len(content))
        intake.take(arrival("big", content))
    assert rig.ledger.is_empty


def test_bytes_that_change_behind_the_reader_are_read_again(rig: Rig) -> None:
    """Rsync never does that; were it to, the source's checksum would tell."""
    content = noise(5, 16 * MIB)
    growing = rig.incoming / ".big.Ab12Cd"
    with rig.intake() as intake:
        growing.write_bytes(bytes(MIB) + content[MIB:])
        wait_until(lambda: rig.packs > 4 * MIB)
        with growing.open("r+b") as file:
            file.write(content[:MIB])
        growing.rename(rig.image / "big")
        intake.take(arrival("big", content))
    assert rig.stored("big") == content


def test_nothing_but_files_of_our_own_is_followed(rig: Rig, tmp_path: Path) -> None:
    secrets = [noise(seed, 12 * MIB) for seed in (6, 7)]
    for number, secret in enumerate(secrets):
        (tmp_path / f"secret{number}").write_bytes(secret)
    (rig.incoming / ".link.Ab12Cd").symlink_to(tmp_path / "secret0")
    (rig.incoming / ".hard.Ab12Cd").hardlink_to(tmp_path / "secret1")
    os.mkfifo(rig.incoming / ".pipe.Ab12Cd")
    with rig.intake():
        (rig.incoming / ".real.Ab12Cd").write_bytes(noise(8, 16 * MIB))
        wait_until(lambda: rig.packs > 4 * MIB)
    assert rig.holds(noise(8, 16 * MIB))
    assert not any(rig.holds(secret) for secret in secrets)


def test_what_is_never_announced_enters_no_tree(rig: Rig) -> None:
    content = noise(9, 16 * MIB)
    growing = rig.incoming / ".big.Ab12Cd"
    with rig.intake():
        growing.write_bytes(content)
        wait_until(lambda: rig.packs > 4 * MIB)
        growing.rename(rig.image / "big")
    assert rig.stored("big") is None


@dataclass(kw_only=True)
class Transfer:
    """A large file behind a slow line, pulled by the real rsync into a rig."""

    rig: Rig
    line: Line
    file: Path

    def pull(self, *, stop: threading.Event | None = None) -> None:
        spec = PullSpec(
            target=self.line.host.target(), paths=(str(self.file),), staging=str(self.rig.image)
        )
        with self.rig.intake() as intake:
            RsyncPull(stop=stop, journal=self._note).pull(spec, intake.take)

    def _note(self, _: bytes) -> None:
        self.early = self.rig.packs

    @property
    def name(self) -> str:
        return str(self.file).lstrip("/")

    @contextmanager
    def beside(self, act: Callable[[], object]) -> Iterator[None]:
        """Do something once a part of the file is in the store."""

        def wait() -> None:
            wait_until(lambda: self.rig.packs > 4 * MIB)
            act()

        thread = threading.Thread(target=wait)
        thread.start()
        yield
        thread.join()


@pytest.fixture
def transfer(rig: Rig, line: Line, tmp_path: Path) -> Iterator[Transfer]:
    require_program("rsync", "rsync")
    file = tmp_path / "source/big"
    file.parent.mkdir()
    file.write_bytes(noise(10, 32 * MIB))
    line.limit(12 * 1024)
    yield Transfer(rig=rig, line=line, file=file)
    line.limit(0)


def test_rsyncs_own_files_are_followed(transfer: Transfer) -> None:
    transfer.pull()
    assert transfer.rig.stored(transfer.name) == transfer.file.read_bytes()
    assert transfer.early > 4 * MIB


def test_a_change_of_an_old_file_is_followed_as_well(transfer: Transfer) -> None:
    """Of a delta, what is not sent is copied from the old version, from front to back."""
    transfer.line.limit(0)
    transfer.pull()
    content = noise(11, MIB) + transfer.file.read_bytes()[: 20 * MIB] + noise(12, 12 * MIB)
    transfer.file.write_bytes(content)
    transfer.line.limit(4 * 1024)
    before = transfer.rig.packs
    transfer.pull()
    assert transfer.rig.stored(transfer.name) == content
    assert before < transfer.early
    assert transfer.rig.packs < before + 17 * MIB


@pytest.mark.parametrize("size", [20 * MIB, 40 * MIB])
def test_a_file_whose_size_changes_meanwhile_is_stored_as_it_arrived(
    transfer: Transfer, size: int
) -> None:
    with transfer.beside(lambda: os.truncate(transfer.file, size)):
        transfer.pull()
    image = transfer.rig.image / transfer.name
    assert transfer.rig.stored(transfer.name) == image.read_bytes()


def test_a_cut_file_is_continued_and_no_piece_of_it_stored_twice(transfer: Transfer) -> None:
    stop = threading.Event()
    with transfer.beside(stop.set), pytest.raises(Exception, match="stopped"):
        transfer.pull(stop=stop)
    assert transfer.rig.packs > 4 * MIB
    transfer.line.limit(0)
    transfer.pull()
    assert transfer.rig.stored(transfer.name) == transfer.file.read_bytes()
    assert transfer.rig.packs < 33 * MIB
