"""One backup of one server: claimed, the pull begun, then all that `safekeeping` has.

What the pull needs is all that is loaded here. The rest is by far the most, and is loaded while
rsync logs in and compares, as is the store's library; the key of the repository is derived at the
same time.
"""

from backends.capture.staging import Staging
from backends.repository.allocator import return_freed_packs
from backends.repository.key_ahead import KeyAhead
from daemon.domain.identifier import new_run_id
from daemon.domain.run import Run, RunKind, RunState
from daemon.domain.verification import Depth
from daemon.errors import ClaimLost
from daemon.importing import importing
from daemon.services.attempt import Attempt
from daemon.services.backup_tools import BackupObserver, BackupTools
from daemon.services.claim import Claim, claim_run
from daemon.services.early import EarlyPull, begin_early
from daemon.services.early_key import salt_file
from daemon.services.lease import keep_lease
from daemon.services.request import tools_for
from daemon.services.stopping import Stopping

__all__ = ["BackupObserver", "BackupTools", "back_up"]


def back_up(
    tools: BackupTools,
    name: str,
    observer: BackupObserver,
    *,
    kind: RunKind = RunKind.MANUAL,
    depth: Depth | None = None,
    stop: Stopping | None = None,
    bandwidth: int | None = None,
    precious_first: bool = True,
) -> Run:
    """Back up the server `name`; returns its run, `verified` or `partial`.

    A pull that ends before its time, on request or because the server fails, leaves what has
    arrived as a checkpoint: restorable, `partial` with the reason, and continued by the next run.

    Args:
        tools: See `BackupTools`.
        name: Of a registered server.
        observer: Is told how it goes.
        kind: Why it is done.
        depth: How deep to verify, in place of the server's and the settings' word.
        stop: Ends it before its time.
        bandwidth: Bytes a second at most, besides the server's own limit.
        precious_first: Store the server's precious paths before the rest, where it names any.

    Raises:
        NotFound: no such server, or the settings have no such store.
        RunActive: another run of it is under way.
        ClaimLost: somebody else took the run over; nothing more was written.
        LapseguardError: the reason to stop, where nothing had arrived by then.
        BackendError, LapseguardError: what stopped it; recorded as the run's failure.
    """
    return_freed_packs()  # before the first thread begins
    with tools.units(read_only=True) as work:
        server = work.servers.get(name)
        contracts = work.contracts.of_server(name)
    run = claim_run(
        tools.units,
        run=new_run_id(tools.clock.now(), tools.random(3)),
        server=server.name,
        kind=kind,
        store=tools.store_name(server.store),
        owner=tools.owner,
        lease=tools.lease,
    )
    with keep_lease(run, tools.units, tools.clock, stop, length=tools.lease) as lease:
        attempt = Attempt(
            tools=tools_for(tools, server),
            server=server,
            contracts=contracts,
            observer=observer,
            claim=Claim(
                run, lease, units=tools.units, clock=tools.clock, on_change=observer.entered
            ),
            depth=depth or server.verify_depth or tools.depth,
            bandwidth=bandwidth,
            precious=server.priority if precious_first else (),
            ahead=KeyAhead(
                salt_file(tools.staging, server.name, run.store),
                lambda: tools.read_password(server.store).reveal(),
            ),
        )
        return _carry_out(attempt)


def _carry_out(attempt: Attempt) -> Run:
    """Do everything, and see that a failure is on record."""
    claim = attempt.claim
    try:
        _reach_out(attempt)
    except ClaimLost:
        raise
    except BaseException as error:
        if (unrecorded := claim.fail(error)) is not None:
            # Safe to go on: what happened first matters more, and the next run of this
            # server closes this one.
            attempt.observer.warned(f"The failure is not on record: {unrecorded}")
        raise
    return claim.run


def _reach_out(attempt: Attempt) -> None:
    """Have the pull begin, and get hold of the repository meanwhile."""
    attempt.ahead.begin()
    attempt.claim.enter(RunState.PULLING)
    staging = Staging(attempt.tools.staging / attempt.server.name)
    staging.prepare()
    early = _begin_early(attempt, staging)
    try:
        with importing("daemon.services.reaching"):
            from daemon.services.reaching import reach_store  # noqa: PLC0415 - see above
        reach_store(attempt, staging, early)
    finally:
        if early is not None:
            early.close()


def _begin_early(attempt: Attempt, staging: Staging) -> EarlyPull | None:
    """None where something is to be made or stored before anything is pulled."""
    attempt.stopping.check_asked()
    server, tuning = attempt.server, attempt.tools.tuning
    if attempt.precious or server.dumps or not server.freezing.is_idle:
        return None
    return begin_early(
        staging,
        attempt.pull_into(staging.image),
        attempt.make_pull,
        attempt.claim.lease.stop,
        mode=tuning.staging,
        floor=tuning.floor,
    )
