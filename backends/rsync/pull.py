"""Runs rsync: one call, a second one after vanished files, and what came of it."""

import errno
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace

from backends.errors import (
    BackendError,
    BudgetExceeded,
    LocalDiskFull,
    LocalPathUnusable,
    ProcessStopped,
    ProcessTimeout,
    TransferInterrupted,
)
from backends.pacing import Rate
from backends.process import Running, readable
from backends.protocols import StopSignal
from backends.rsync.brake import Brake, NoLimit, Room, tethered_ssh
from backends.rsync.command import Removal, largest_file, rsync_argv
from backends.rsync.complaints import Complaints, parse_complaints
from backends.rsync.exit_codes import Verdict, exit_meaning
from backends.rsync.failure import image_path, omissions, pull_failure, speaks_older_dialect
from backends.rsync.image import forget_unasked, uncovered_links
from backends.rsync.output import parse_line
from backends.rsync.pace import Pace
from backends.rsync.removal import choose_removal, settle
from backends.rsync.scratch import Claim, claim_staging, forget_unfinished, forget_vacated
from backends.rsync.sieve import Sieve
from backends.rsync.spool import Spool
from backends.rsync.survey import Survey
from backends.rsync.tally import STOPPED, Tally
from backends.rsync.version import RsyncVersion, require_local_rsync
from backends.ssh import check_identity, check_target, diagnose, pinned_known_hosts, ssh_argv
from backends.types import Arrival, Omission, PullReport, PullSpec

#: rsync's own ~/.popt could add options, so it finds no home; ssh does not look at HOME.
_ENVIRONMENT = {"HOME": "/nonexistent"}
#: Bytes of standard error kept of its beginning and end; each unreadable file is a line.
_STDERR_LIMIT = 8 << 20
#: How rsync ends on request: by its own hand, or before it could.
_ENDED = frozenset({20, -signal.SIGTERM})
#: Seconds for which rsync's lines gather: small files come by the thousand.
_GATHER = 0.01
#: One call, and one more when files vanished during it.
_PASSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """How one call of rsync ended."""

    exit_code: int
    stderr: bytes
    complaints: Complaints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How a call of rsync goes about it; see `rsync_argv`."""

    plain: bool = False
    removal: Removal = Removal.BY_RSYNC


class RsyncPull:
    """Pulls by the rsync and ssh of this machine; a SourcePull.

    Besides what the server sends nothing is believed: lines that name something outside staging
    are not taken, and the budget is enforced here. Unfinished files wait in `<staging>~pull`.

    Args:
        journal: Called with the lines of arrivals as rsync printed them, one or more, from
            another thread and before `on_arrival` hears of them; `output.parse_line` reads
            each of them back. What it raises ends the pull.
        stop: Once set, the pull ends with TransferInterrupted.
        room: Told what lands; while it says that staging is full, the pull is held back.
        rate: How fast it may be, besides the spec's limit. When that changes, rsync is ended and
            begins anew at the new rate: it cannot be told otherwise. What has arrived stays.
    """

    def __init__(
        self,
        *,
        journal: Callable[[bytes], object] | None = None,
        stop: StopSignal | None = None,
        room: Room | None = None,
        rate: Rate | None = None,
    ) -> None:
        self._journal = journal
        self._stop = stop
        self._room = room or NoLimit()
        self._rate = rate or (lambda: None)
        self._version: RsyncVersion | None = None

    @property
    def rsync_version(self) -> str:
        """See `SourcePull.rsync_version`."""
        return "" if self._version is None else str(self._version)

    def pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        """See `SourcePull.pull`; `on_arrival` may take its time, rsync never waits for it.

        A path that was asked for and is missing or unreadable raises, after everything else has
        arrived; what is unreadable below such a path makes the report incomplete. Where the
        server could not list a folder, nothing is deleted from staging, so files that the
        server has no more may still be there. Otherwise see `removal` for who deletes them.
        """
        version = self._version = self._version or require_local_rsync()
        check_target(spec.target)
        check_identity(spec.target)
        tally = Tally(spec, self._stop)
        with claim_staging(spec.staging, spec.paths) as claim:
            forget_unasked(spec.staging, spec.paths)
            passes = self._run_passes(spec, claim, tally, on_arrival)
            report = _report(spec, passes, tally, version)
            if report.complete and (claim.is_settled or not spec.only):
                forget_unfinished(claim)
        return report

    def _run_passes(
        self, spec: PullSpec, claim: Claim, tally: Tally, on_arrival: Callable[[Arrival], None]
    ) -> list[_Pass]:
        done: list[_Pass] = []
        manner, passes = _Manner(removal=choose_removal(spec, claim)), 0
        with pinned_known_hosts(spec.target) as known_hosts:
            ssh = tethered_ssh(ssh_argv(spec.target, known_hosts))
            while passes < _PASSES:
                argv = self._begin_call(spec, ssh, claim, tally, manner)
                ended = self._run_pass(argv, spec, claim, tally, on_arrival)
                if tally.pace.changed and ended.exit_code in _ENDED:
                    tally.changes.doubt()  # the last lines may be missing
                    continue
                done.append(ended)
                if not manner.plain and tally.lines == 0 and speaks_older_dialect(ended.stderr):
                    manner = _Manner(plain=True)
                    continue
                passes += 1
                _raise_failure(spec, ended, tally)
                verdict = exit_meaning(ended.exit_code).verdict
                if verdict is not Verdict.VANISHED and settle(spec, verdict, tally):
                    break
                manner = replace(manner, removal=Removal.BY_RSYNC)
        return done

    def _begin_call(
        self, spec: PullSpec, ssh: tuple[str, ...], claim: Claim, tally: Tally, manner: _Manner
    ) -> tuple[str, ...]:
        """What to call; the tally is made ready for its lines."""
        tally.pace = Pace(self._rate)
        is_naming = manner.removal is Removal.BY_NAME
        tally.sieve = Sieve(spec.staging, claim.since) if is_naming else None
        tally.survey = Survey(spec.staging, spec.paths) if is_naming else None
        return rsync_argv(
            tally.pace.slow(spec),
            ssh=ssh,
            scratch=claim.scratch,
            plain=manner.plain,
            removal=manner.removal,
        )

    def _run_pass(
        self,
        argv: tuple[str, ...],
        spec: PullSpec,
        claim: Claim,
        tally: Tally,
        on_arrival: Callable[[Arrival], None],
    ) -> _Pass:
        """One rsync, read by a thread; this one hands on what has arrived."""
        halt = threading.Event()
        brake = Brake(self._room)
        forget_vacated(claim)

        def watch(group: int) -> None:
            brake.see(group)
            tally.watch(group)

        running = Running(
            argv,
            timeout=tally.seconds_left,
            env=_ENVIRONMENT,
            stop=halt,
            pass_fds=(claim.lock,),
            max_file_bytes=largest_file(spec),
            stderr_limit=_STDERR_LIMIT,
            watch=watch,
            tethered=True,
        )
        with (
            Spool(claim.folder) as spool,
            ThreadPoolExecutor(1, "rsync") as reader,
            tally.survey or nullcontext(),
        ):
            ended = reader.submit(self._read, running, spool, tally)
            try:
                with brake:
                    self._hand_on(spool, on_arrival)
            finally:
                # After the last line there is nothing left to halt; before, it ends rsync.
                halt.set()
            return _heed(ended.result(), tally)

    def _hand_on(self, spool: Spool, on_arrival: Callable[[Arrival], None]) -> None:
        for arrival in spool:
            if self._stop is not None and self._stop.is_set():
                raise TransferInterrupted(STOPPED)
            on_arrival(arrival)

    def _read(self, running: Running, spool: Spool, tally: Tally) -> _Pass:
        try:
            with running:
                for block in running.blocks(_GATHER):
                    self._take(tally.sift(block), spool, tally)
                exit_code = running.wait()
        except ProcessTimeout as error:
            raise BudgetExceeded(f"The pull took longer than allowed: {error}") from error
        except ProcessStopped as error:
            raise TransferInterrupted(STOPPED) from error
        finally:
            spool.close()
        complaints = parse_complaints(running.stderr)
        return _Pass(exit_code=exit_code, stderr=running.stderr, complaints=complaints)

    def _take(self, lines: list[bytes], spool: Spool, tally: Tally) -> None:
        events = [parse_line(line) for line in lines]
        arrivals = [event for event in events if isinstance(event, Arrival)]
        # Before the budget is looked at, for these files have arrived whatever it says.
        if arrivals:
            said = zip(lines, events, strict=True)
            whole = b"".join([line for line, event in said if isinstance(event, Arrival)])
            self._note(whole, arrivals, spool)
        tally.note(events)
        for event in events:
            if event is None:
                continue
            if isinstance(event, Arrival) and not event.linked_to:
                self._room.arrive(event.size)
            tally.count(event)

    def _note(self, lines: bytes, arrivals: list[Arrival], spool: Spool) -> None:
        try:
            if self._journal is not None:
                self._journal(lines)
            spool.put(lines, arrivals)
        except OSError as error:
            raise _unwritable(error) from error


def _heed(ended: _Pass, tally: Tally) -> _Pass:
    """Let nobody wait for what only a call that ended well needs."""
    if ended.exit_code != 0 and tally.survey is not None:
        tally.survey.end()
    return ended


def _raise_failure(spec: PullSpec, ended: _Pass, tally: Tally) -> None:
    failure = pull_failure(spec, ended.exit_code, ended.stderr, ended.complaints)
    if failure is None:
        return
    if isinstance(failure, TransferInterrupted) and tally.lines == 0:
        # ssh kept quiet about why it did not even begin.
        failure = diagnose(spec.target) or failure
    raise failure


def _report(spec: PullSpec, passes: list[_Pass], tally: Tally, version: RsyncVersion) -> PullReport:
    last = passes[-1]
    partial = exit_meaning(last.exit_code).verdict is Verdict.PARTIAL
    missing = (
        *(_unread(spec, last) if partial else ()),
        *tally.oversize,
        *(() if spec.only else uncovered_links(spec)),
    )
    vanished = {
        image_path(spec, path): None for ended in passes for path in ended.complaints.vanished
    }
    return PullReport(
        complete=not partial and not missing,
        arrivals=tally.arrivals,
        received_bytes=tally.received,
        omissions=missing,
        vanished=tuple(vanished),
        seconds=tally.seconds,
        attempts=len(passes),
        rsync_version=str(version),
        changed=None if partial else tally.changes.all(),
    )


def _unread(spec: PullSpec, ended: _Pass) -> tuple[Omission, ...]:
    """What rsync could not transfer; at least one entry, since something was not."""
    if found := omissions(spec, ended.complaints.complaints):
        return found
    said = readable(ended.stderr).splitlines()
    return (Omission(path=b"", reason=said[0] if said else "rsync does not say what"),)


def _unwritable(error: OSError) -> BackendError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return LocalDiskFull(f"No room here to note what has arrived: {error.strerror}")
    return LocalPathUnusable(f"What has arrived cannot be noted: {error.strerror}")
