"""Proves an earlier run's data anew, and records what was found."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from backends.errors import ObjectMissing, RepositoryDamaged, SnapshotMissing, StoreRefused
from backends.protocols import ObjectStore
from backends.repository.index import Index
from backends.repository.judging_beside import BesideJudge
from backends.repository.reader import BlobReader
from backends.repository.repository import Repository
from backends.repository.snapshot import load_snapshot
from backends.types import BlobId
from daemon.clock import Clock
from daemon.domain.manifest import manifest_key
from daemon.domain.manifest_document import SignedManifest, digest_document
from daemon.domain.sums import FileSum
from daemon.domain.verification import Depth, Verification
from daemon.services.destination import Destination, hold_reading_lock, open_repository
from daemon.services.distrust import list_distrusted, note_distrusted
from daemon.services.overview import RunRecord
from daemon.services.packs import PackStanding
from daemon.services.proof import Evidence, Proof, prove
from daemon.services.proof_watcher import ProofWatcher
from daemon.services.units import Units


def _alone(_: ObjectStore) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationTools:
    """What a verification works with; `bootstrap` puts it together.

    Attributes:
        units: Opens transactions.
        clock: The time.
        destination: The repository of a server in a store, both by name.
        scratch: An existing folder in which a restore can be rehearsed.
        judging: Has packs of a store read in another process as well; called before anything
            is asked of the store.
    """

    units: Units
    clock: Clock
    destination: Callable[[str | None, str], Destination]
    scratch: Path
    judging: Callable[[ObjectStore], AbstractContextManager[BesideJudge | None]] = _alone


def verify_run(
    tools: VerificationTools, record: RunRecord, depth: Depth, watcher: ProofWatcher
) -> Verification:
    """Look at what a run stored, and record the finding with the run.

    Args:
        tools: See `VerificationTools`.
        record: Of a run with a manifest.
        depth: At least `stored`.
        watcher: Is told how it goes on.

    Raises:
        NotFound: the run has no manifest. RepositoryLocked, StoreError, SecretError.
    """
    signed = record.require_manifest()
    run = record.row.run
    destination = tools.destination(run.store, run.server)
    with closing(destination.store), tools.judging(destination.store) as beside:
        proof = _examine(tools, destination, signed, beside, _Aim(depth=depth, watcher=watcher))
    verification = Verification(
        run=run.run,
        manifest_sha256=signed.sha256,
        depth=proof.depth,
        outcome=proof.outcome,
        checked_at=tools.clock.now(),
        matches_source=signed.manifest.matches_source,
        problems=proof.problems,
    )
    with tools.units() as work:
        work.verifications.record(verification)
        work.commit()
    return verification


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    """How deep it goes, and who watches."""

    depth: Depth
    watcher: ProofWatcher


def _examine(
    tools: VerificationTools,
    destination: Destination,
    signed: SignedManifest,
    beside: BesideJudge | None,
    aim: _Aim,
) -> Proof:
    repository = open_repository(destination)
    if beside is not None and aim.depth >= Depth.HASHED:
        # A pack never changes: whether it is still there is asked once the lock is held.
        packs = (bytes.fromhex(pack.id) for pack in signed.manifest.packs)
        beside.begin(repository.master, packs)
    loaded: list[Index] = []

    def load() -> None:
        # Safe to pass over: it is read again, where what is wrong with it is a finding.
        with suppress(RepositoryDamaged, ObjectMissing):
            loaded.append(repository.load_index())

    with (
        hold_reading_lock(repository, load),
        tempfile.TemporaryDirectory(dir=tools.scratch) as scratch,
    ):
        problems = _record_problems(repository, signed)
        if problems:
            return Proof(depth=Depth.STORED, problems=problems, standings=())
        try:
            evidence = replace(_gather(repository, signed, loaded, Path(scratch)), beside=beside)
            proof = prove(evidence, aim.depth, aim.watcher)
            _note_damage(repository.store, proof)
        except (RepositoryDamaged, SnapshotMissing) as error:
            return Proof(depth=Depth.STORED, problems=(str(error),), standings=())
    sizes = {pack.id: pack.size for pack in signed.manifest.packs}
    changed = (
        _changed(standing, sizes) for standing in proof.standings if standing.pack not in proof.lost
    )
    return replace(proof, problems=(*proof.problems, *(found for found in changed if found)))


def _gather(
    repository: Repository, signed: SignedManifest, loaded: list[Index], scratch: Path
) -> Evidence:
    manifest = signed.manifest
    index = loaded[0] if loaded else repository.load_index()
    tree = load_snapshot(repository, manifest.repository.snapshot).tree
    if tree.hex() != manifest.repository.tree:
        raise RepositoryDamaged(
            f"The snapshot {manifest.repository.snapshot[:16]}… shows another tree than the "
            "manifest says."
        )
    reader = BlobReader(repository, index)

    def sums() -> Iterator[FileSum]:
        from daemon.services.earlier_sums import EarlierSums  # noqa: PLC0415 - seldom wanted

        stored = EarlierSums.stored(repository.store, manifest.sums)
        return stored.read(lambda: reader.walk(BlobId(tree)))

    return Evidence(
        repository=repository,
        index=index,
        reader=reader,
        snapshot=manifest.repository.snapshot,
        tree=BlobId(tree),
        packs=frozenset(bytes.fromhex(pack.id) for pack in manifest.packs),
        sums=sums,
        scratch=scratch,
    )


def _record_problems(repository: Repository, signed: SignedManifest) -> tuple[str, ...]:
    """Whether the record in the bucket is still the one that was written."""
    manifest = signed.manifest
    wanted = {
        manifest_key(manifest.sequence, manifest.run): signed.sha256,
        manifest.sums.key: manifest.sums.sha256,
    }
    found = (_object_problem(repository, key, digest) for key, digest in wanted.items())
    distrusted = list_distrusted(repository.store)
    noted = (
        f"The pack {pack.id[:16]}… was read earlier and found damaged."
        for pack in manifest.packs
        if bytes.fromhex(pack.id) in distrusted
    )
    return (*(problem for problem in found if problem is not None), *noted)


def _note_damage(store: ObjectStore, proof: Proof) -> None:
    # Safe to pass over: with keys that only read, the next backup has to find it by itself.
    with suppress(StoreRefused):
        note_distrusted(store, proof.damaged)


def _object_problem(repository: Repository, key: str, digest: str) -> str | None:
    try:
        same = digest_document(repository.store.get(key)) == digest
    except ObjectMissing:
        return f"{key} is not in the store."
    return None if same else f"{key} is not what was written."


def _changed(standing: PackStanding, sizes: dict[str, int]) -> str | None:
    """The manifest's own word on sizes, apart from the index's."""
    size = sizes[standing.pack.hex()]
    if standing.info is None or standing.info.size == size:
        return None
    return f"The pack {standing.pack.hex()[:16]}… has another size than in the manifest."
