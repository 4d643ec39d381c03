"""A process that holds claims: the part of a daemon that can be stopped, killed and continued.

Its arguments are a database URL and the length of leases in seconds. It reads one command a line
from standard input and answers each with one line:

    claim SERVER        claims a run through the real services and keeps its lease; its id
    conclude            records the run as verified, manifest and all: `accepted`, or the name of
                        the error that refused it
    conclude blindly    the same by an owner that has not noticed that it lost its lease
"""

import os
import sys
from datetime import timedelta

from sqlalchemy import Engine

from daemon.clock import SystemClock
from daemon.domain.identifier import new_run_id
from daemon.domain.manifest_document import read_manifest
from daemon.domain.run import Run, RunKind, RunState
from daemon.errors import LapseguardError
from daemon.services.claim import Claim, claim_run
from daemon.services.lease import Lease, keep_lease
from daemon.services.ownership import name_owner
from daemon.services.sealing import Sealed
from daemon.services.units import Units
from daemon.store.engine import open_engine
from daemon.store.unit_of_work import UnitOfWork
from tests.factories import a_manifest, a_verification, captured, digest, unsigned_document


def claim(units: Units, server: str, lease: timedelta, owner: str | None = None) -> Run:
    """A run of `server` that is ours."""
    return claim_run(
        units,
        run=new_run_id(SystemClock().now(), os.urandom(3)),
        server=server,
        kind=RunKind.SCHEDULED,
        store="main",
        owner=owner or name_owner(os.urandom),
        lease=lease,
    )


def conclude(units: Units, run: Run, lease: Lease) -> None:
    """Take a run that was just claimed to its verified end."""
    held = Claim(run, lease, units=units, clock=SystemClock(), on_change=lambda _: None)
    for state in (RunState.PULLING, RunState.STORING):
        held.enter(state)
    held.enter(RunState.VERIFYING, captured=captured())
    repository = a_manifest().repository
    manifest = a_manifest(
        run=run.run,
        server=run.server,
        repository=type(repository)(
            id=digest(run.run),
            url=repository.url,
            snapshot=repository.snapshot,
            tree=repository.tree,
        ),
    )
    document = unsigned_document(manifest)
    signed = read_manifest(document)
    proof = a_verification(run=run.run, manifest_sha256=signed.sha256)
    held.conclude(Sealed(document=document, signed=signed, verification=proof), None)


def units_of(engine: Engine) -> Units:
    """Opens transactions on a database."""

    def units(*, read_only: bool = False, at_once: bool = False) -> UnitOfWork:
        return UnitOfWork(
            engine, clock=SystemClock(), actor="holder", read_only=read_only, at_once=at_once
        )

    return units


def hold(units: Units, server: str, length: timedelta) -> None:
    """Claim a run, keep its lease, and conclude it when told to."""
    run = claim(units, server, length)
    with keep_lease(run, units, SystemClock(), length=length) as lease:
        _answer(run.run)
        words = sys.stdin.readline().split()
        try:
            conclude(units, run, Lease() if "blindly" in words else lease)
        except LapseguardError as error:
            _answer(type(error).__name__)
        else:
            _answer("accepted")


def serve(url: str, seconds: str) -> None:
    """Do what standard input says until it ends."""
    units, length = units_of(open_engine(url)), timedelta(seconds=float(seconds))
    while words := sys.stdin.readline().split():
        hold(units, words[1], length)


def _answer(word: str) -> None:
    print(word, flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
