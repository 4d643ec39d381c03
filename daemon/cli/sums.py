"""`lapseguard show RUN --sums`: the checksums of a run's files, as `sha256sum -c` reads them."""

import sys
import tempfile
from shutil import copyfileobj
from typing import IO, Final

import typer

from daemon.bootstrap import Application, destination
from daemon.cli.output import Output
from daemon.cli.progress import display_of
from daemon.cli.stopping import stop_on_signals
from daemon.domain.pathtext import write_path
from daemon.domain.sums import read_sums
from daemon.services.destination import Patience
from daemon.services.overview import RunRecord
from daemon.services.restoration import open_restoration

#: Bytes of a listing that are kept in memory until it is known to be the right one.
_IN_MEMORY: Final = 16 << 20


def show_sums(
    ctx: typer.Context, application: Application, record: RunRecord, output: Output
) -> None:
    """Print a run's listing of checksums, once it is known to be the one that was recorded.

    Raises:
        NotFound: the run stored nothing.
        ManifestInvalid: the repository gives another listing.
        StoreError, RepositoryError, SecretError.
    """
    run, signed = record.row.run, record.require_manifest()
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as text:
        with stop_on_signals() as stop:
            patience = Patience(stop=stop, warn=display_of(ctx, output).warned)
            place = destination(application, run.store, run.server, patience, paced=False)
            with open_restoration(place, signed) as restoration:
                text.writelines(restoration.sums())
        text.seek(0)
        if output.as_json:
            _print_document(output, record, text)
        else:
            copyfileobj(text, sys.stdout.buffer)


def _print_document(output: Output, record: RunRecord, text: IO[bytes]) -> None:
    output.document(
        {
            "run": record.row.run.run,
            "sums_sha256": record.require_manifest().manifest.sums.text_sha256,
            "files": [
                {"path": write_path(entry.path), "sha256": entry.sha256.hex()}
                for entry in read_sums(text)
            ],
        }
    )
