"""An installation without processes: a wilful store in memory, a folder for a server."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from backends.capture.cadence import CheckpointInterval
from backends.objectstore.memory import MemoryStore
from backends.repository.check import check_repository
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.snapshot import load_snapshot
from backends.repository.tree import NodeType
from backends.shell import RemoteShell
from backends.signing import SigningKey
from backends.snapshot.commands import Shell
from backends.types import BlobId, BlobKind, ObjectInfo, SshTarget
from daemon.clock import SystemClock
from daemon.domain.manifest_document import SignedManifest, read_manifest
from daemon.domain.run import Run
from daemon.domain.sums import FileSum
from daemon.domain.verification import Depth, Verification
from daemon.secrets import Secret
from daemon.services.backup import BackupTools, back_up
from daemon.services.destination import Destination
from daemon.services.earlier_sums import EarlierSums
from daemon.services.estimate import Measure
from daemon.services.lease import LEASE
from daemon.services.overview import Overview
from daemon.services.stopping import Stopping
from daemon.services.tuning import Tuning
from daemon.services.verification import VerificationTools, verify_run
from daemon.store.engine import open_engine
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import a_server
from tests.parts.folder_pull import FolderPull, put
from tests.parts.repository import PASSWORD, make_repository

MIB = 2**20
MANIFESTS = "lapseguard/manifests/"


class WilfulStore(MemoryStore):
    """A store that remembers what it was given, and obeys only as far as it likes."""

    def __init__(self, *, attests_sha256: bool = True) -> None:
        super().__init__(attests_sha256=attests_sha256)
        self.given: list[str] = []
        self.taken: list[str] = []
        self.obey: Callable[[str], None] = lambda _: None

    def put(self, key: str, data: bytes) -> ObjectInfo:
        self.obey(key)
        info = super().put(key, data)
        self.given.append(key)
        return info

    def delete(self, key: str) -> None:
        self.obey(key)
        super().delete(key)
        self.taken.append(key)

    def names(self, prefix: str) -> list[str]:
        return [info.key for info in self.list(prefix)]


@dataclass
class Watcher:
    """Remembers what a person at the terminal would see."""

    states: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    wants_estimate = False

    def entered(self, run: Run) -> None:
        self.states.append(run.state.value)

    def warned(self, message: str) -> None:
        self.warnings.append(message)

    @contextmanager
    def capturing(self, _: object) -> Iterator[None]:
        yield

    @contextmanager
    def proving(self, *_: object) -> Iterator[Callable[[int], None]]:
        yield lambda _: None


@dataclass(kw_only=True)
class Desk:
    """An installation without processes: one server, one store, one database."""

    folder: Path
    store: WilfulStore
    engine: Engine
    watcher: Watcher = field(default_factory=Watcher)
    key: SigningKey = field(default_factory=SigningKey.generate)
    #: What the server says when it is asked how much it holds.
    measure: Measure = field(default=lambda _: None)
    open_shell: Callable[[SshTarget], AbstractContextManager[Shell]] = RemoteShell
    #: When runs have to be over.
    finish_by: datetime | None = None
    #: Whether the server is asked for what it takes to build it again.
    passport: bool = False
    #: When runs make checkpoints; None for at the end only.
    checkpoints: CheckpointInterval | None = None
    #: After so long the whole image is looked at.
    walk_every: timedelta = timedelta(days=7)
    #: Seconds between two looks at a snapshot that can be lost.
    watch_every: float = 0.01
    #: Raised by transactions that write, while it is set.
    database_fault: Exception | None = None

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def image(self) -> Path:
        return self.folder / "staging" / "web-1" / "image"

    @property
    def repository(self) -> Repository:
        return Repository.open(self.store, PASSWORD)

    def units(self, *, read_only: bool = False, at_once: bool = False) -> UnitOfWork:
        if self.database_fault is not None and not read_only:
            raise self.database_fault
        return UnitOfWork(
            self.engine,
            clock=SystemClock(),
            actor="tester",
            read_only=read_only,
            at_once=at_once,
        )

    def back_up(
        self,
        *,
        owner: str = "ops-1:1:0-aa",
        lease: timedelta = LEASE,
        depth: Depth = Depth.STORED,
        stop: Stopping | None = None,
        bandwidth: int | None = None,
        precious_first: bool = True,
        **pull: object,
    ) -> Run:
        """One backup; what is not named goes to the `FolderPull`."""
        return back_up(
            self.tools(owner=owner, lease=lease, **pull),
            "web-1",
            self.watcher,
            depth=depth,
            stop=stop,
            bandwidth=bandwidth,
            precious_first=precious_first,
        )

    def tools(
        self, *, owner: str = "ops-1:1:0-aa", lease: timedelta = LEASE, **pull: object
    ) -> BackupTools:
        return BackupTools(
            units=self.units,
            clock=SystemClock(),
            random=os.urandom,
            store_name=lambda _: "main",
            repository_url=lambda _, server: f"memory:{server}",
            destination=lambda *_: self.destination,
            read_password=lambda _: self.destination.read_password(),
            make_pull=lambda journal, stop, *_: FolderPull(
                source=self.source,
                image=self.image,
                journal=journal,
                stop=stop,
                **pull,  # type: ignore[arg-type]  # as given by the test
            ),
            measure=self.measure,
            open_shell=self.open_shell,
            pull_rate=lambda: None,
            finish_by=lambda _: self.finish_by,
            passport=self.passport,
            signing_key=lambda: self.key,
            staging=self.folder / "staging",
            identity=self.folder / "key",
            owner=owner,
            depth=Depth.STORED,
            tuning=Tuning(
                compression_level=1,
                pack_size=MIB,
                workers=2,
                uploads=2,
                checkpoints=self.checkpoints,
                walk_every=self.walk_every,
            ),
            lease=lease,
            watch_every=self.watch_every,
        )

    def verify(self, depth: Depth) -> Verification:
        """Prove the newest run anew."""
        tools = VerificationTools(
            units=self.units,
            clock=SystemClock(),
            destination=lambda *_: self.destination,
            scratch=self.folder,
        )
        overview = Overview(units=self.units, clock=SystemClock())
        return verify_run(tools, overview.run_or_latest("web-1"), depth, self.watcher)

    @property
    def destination(self) -> Destination:
        return Destination(
            store_name="main", store=self.store, read_password=lambda: Secret(PASSWORD)
        )

    def change_server(self, **changes: Any) -> None:
        """Another record of the server; it stays `web-1`."""
        with self.units() as unit:
            unit.servers.update(replace(unit.servers.get("web-1"), **changes))
            unit.commit()

    def saved(self, run: Run) -> dict[str, bytes]:
        """The files of a run as they are in the repository."""
        assert run.snapshot is not None
        return self.files_of(load_snapshot(self.repository, run.snapshot).tree)

    def files_of(self, tree: BlobId) -> dict[str, bytes]:
        """The files below a tree of the repository."""
        reader = BlobReader(self.repository, self.repository.load_index())
        return {
            walked.path.decode(): b"".join(
                reader.load(blob, BlobKind.DATA) for blob in walked.node.content or ()
            )
            for walked in reader.walk(tree)
            if walked.node.type is NodeType.FILE
        }

    def listing(self, number: int) -> list[FileSum]:
        """The checksums of a run's files, as an auditor gets them; by its place in the chain."""
        manifest = self.manifest(number).manifest
        reader = BlobReader(self.repository, self.repository.load_index())
        tree = BlobId(bytes.fromhex(manifest.repository.tree))
        sums = EarlierSums.stored(self.store, manifest.sums)
        return list(sums.read(lambda: reader.walk(tree)))

    def runs(self) -> tuple[Run, ...]:
        """Newest first."""
        with self.units(read_only=True) as unit:
            return unit.runs.list()

    def matches_source(self) -> bool | None:
        """What the newest run's evidence says."""
        with self.units(read_only=True) as unit:
            (newest, *_) = unit.history.rows()
        return newest.verification.matches_source if newest.verification else None

    def manifest(self, number: int) -> SignedManifest:
        """By its place in the chain."""
        (key,) = (key for key in self.store.names(MANIFESTS) if f"/{number:08}-" in key)
        return read_manifest(self.store.get(key))

    def spoil(self, key: str) -> None:
        """Flip a bit of an object."""
        content = bytearray(self.store.get(key))
        content[len(content) // 2] ^= 1
        MemoryStore.put(self.store, key, bytes(content))

    def packs(self) -> list[str]:
        """Largest first."""
        found = sorted(self.store.list("data/"), key=lambda info: -info.size)
        return [info.key for info in found]

    def is_sound(self) -> bool:
        """Whether every reader finds everything, with nothing but the index to go by."""
        return check_repository(self.repository, read_data=True).sound


@pytest.fixture
def desk(tmp_path: Path, sqlite_url: str) -> Iterator[Desk]:
    """A server with four files, saved nowhere yet, on a store that attests checksums."""
    yield from make_desk(tmp_path, sqlite_url, WilfulStore())


@pytest.fixture
def plain_desk(tmp_path: Path, sqlite_url: str) -> Iterator[Desk]:
    """Likewise, on a store that attests nothing, so that everything is read back."""
    yield from make_desk(tmp_path, sqlite_url, WilfulStore(attests_sha256=False))


def make_desk(folder: Path, database: str, store: WilfulStore) -> Iterator[Desk]:
    make_repository(store)
    engine = open_engine(database)
    desk = Desk(folder=folder, store=store, engine=engine)
    with desk.units() as unit:
        unit.servers.add(a_server(paths=("/srv",)))
        unit.commit()
    for number in range(4):
        content = random.Random(number).randbytes(MIB)  # noqa: S311 - only has to be large
        put(desk.source / f"srv/{number}", content)
    yield desk
    engine.dispose()
