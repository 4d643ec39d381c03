"""Looking back and looking now: the history of runs, one run in full, and every server's status."""

from dataclasses import dataclass

from daemon.clock import Clock
from daemon.domain.history import HistoryRow
from daemon.domain.identifier import is_run_id
from daemon.domain.manifest_document import SignedManifest, read_manifest
from daemon.domain.run import RunState
from daemon.domain.verification import Verification
from daemon.errors import NotFound
from daemon.services.units import Units


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Everything that is recorded about one run.

    Attributes:
        row: The run and the evidence that stands for it.
        manifest: What it stored; None where it stored nothing.
        verifications: All evidence, oldest first.
    """

    row: HistoryRow
    manifest: SignedManifest | None
    verifications: tuple[Verification, ...]

    def require_manifest(self) -> SignedManifest:
        """The manifest. Raises NotFound where the run stored nothing."""
        if self.manifest is None:
            run = self.row.run
            raise NotFound(
                f"The run {run.run} has no manifest, since it is {run.state.value}.",
                hint=f"See the others: lapseguard history {run.server}",
            )
        return self.manifest


class Overview:
    """What has been recorded, read only; every method sees one instant."""

    def __init__(self, *, units: Units, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    def history(
        self, *, server: str | None = None, limit: int | None = None
    ) -> tuple[HistoryRow, ...]:
        """Runs, newest first, each with the evidence that stands for it.

        Args:
            server: Only of this one, registered or not any more.
            limit: At most so many.

        Raises:
            NotFound: nobody ever heard of `server`.
        """
        with self._units(read_only=True) as unit:
            rows = unit.history.rows(server=server, limit=limit)
            if server is not None and not rows:
                # An unknown name is a slip; a server without runs yet is not.
                unit.servers.get(server)
            return rows

    def run(self, run: str) -> RunRecord:
        """Everything about one run.

        Raises:
            NotFound: there is no such run.
            ManifestInvalid: its manifest was damaged in the database.
        """
        with self._units(read_only=True) as unit:
            row = unit.history.row(run)
            known = row.run.manifest_sha256 is not None
            return RunRecord(
                row=row,
                manifest=read_manifest(unit.manifests.document(run)) if known else None,
                verifications=unit.verifications.of(run),
            )

    def run_or_latest(self, name: str) -> RunRecord:
        """A run by its id, or the newest run with a manifest of the server called `name`.

        A complete run is preferred to a newer partial one.

        Raises:
            NotFound: neither a run nor a server has that name, or the server has no such run.
        """
        if is_run_id(name):
            return self.run(name)
        with self._units(read_only=True) as unit:
            newest = unit.runs.newest(name, RunState.VERIFIED) or unit.runs.newest(
                name, RunState.PARTIAL
            )
            if newest is None:
                unit.servers.get(name)
                raise NotFound(
                    f"The server {name} has no backup yet.", hint=f"lapseguard backup-now {name}"
                )
        return self.run(newest.run)
