"""Carries one run out and lets nothing escape that is not on record."""

from collections.abc import Callable

from daemon.domain.identifier import new_run_id
from daemon.domain.plan import Demand
from daemon.errors import ClaimLost, DatabaseError, RunActive
from daemon.log import LOG
from daemon.services.allotment import Assignment
from daemon.services.backup import BackupTools, back_up
from daemon.services.claim import Claim, claim_run
from daemon.services.lease import Lease
from daemon.services.progress import Reporting
from daemon.services.run_log import RunLog
from daemon.services.stopping import Stopping

#: Seconds between two events about a capture under way.
_PROGRESS_SECONDS = 60.0


def dispatch(
    make_tools: Callable[[], BackupTools], assignment: Assignment, stopping: Stopping
) -> None:
    """Back a server up as planned; what fails is on record and in the log afterwards.

    Args:
        make_tools: Gives what a backup works with.
        assignment: What is called for, and how fast it may be.
        stopping: Tells when the run must end before its time.

    Raises:
        DatabaseError: not even the failure could be recorded.
    """
    demand = assignment.planned.demand
    log = RunLog(every=_PROGRESS_SECONDS, server=demand.server)
    LOG.info("run.started", server=demand.server, reason=demand.explanation)
    tools = make_tools()
    try:
        back_up(
            tools,
            demand.server,
            Reporting(
                watcher=log, units=tools.units, clock=tools.clock, finish_by=demand.finish_by
            ),
            kind=demand.kind,
            stop=stopping,
            bandwidth=assignment.bandwidth,
        )
    except RunActive as error:
        LOG.info("run.left", server=demand.server, message=str(error))
    except ClaimLost as error:
        LOG.warning("run.lost", server=demand.server, message=str(error))
    except DatabaseError:
        raise
    except BaseException as error:  # noqa: BLE001 - put on record; nothing may end the service
        _see_on_record(tools, demand, log, error)


def _see_on_record(tools: BackupTools, demand: Demand, log: RunLog, error: BaseException) -> None:
    """A failure before there was a run is a failed run as well: the next attempt waits for it."""
    if log.run is not None and log.run.is_final:
        return
    LOG.error("run.broke", server=demand.server, error=repr(error), exc_info=error)
    if log.run is None:
        run = claim_run(
            tools.units,
            run=new_run_id(tools.clock.now(), tools.random(3)),
            server=demand.server,
            kind=demand.kind,
            store=demand.store,
            owner=tools.owner,
        )
        claim = Claim(run, Lease(), units=tools.units, clock=tools.clock, on_change=log.entered)
        if (unrecorded := claim.fail(error)) is not None:
            raise unrecorded
