"""Dumps a server's databases before its files are pulled, each straight into the repository.

A dump that fails is told and ends nothing: the others and the files are worth having all the same.
Where the server itself is the trouble, the pull that follows says so and decides what comes of it.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from backends.capture.grafting import GraftedFile, Grafting
from backends.capture.places import PLACE
from backends.capture.progress import CaptureProgress
from backends.dumps.command import command_dump
from backends.dumps.dump import Dump
from backends.dumps.mysql import mysql_database
from backends.dumps.postgres import PostgresLogin, postgres_database, postgres_globals
from backends.dumps.redis import redis_database
from backends.dumps.sqlite import sqlite_database
from backends.dumps.stream import DumpStream, stream_dump
from backends.errors import BudgetExceeded, ConnectionLost, SshError
from backends.pacing import Rate
from backends.source_errors import DumpError
from backends.types import SshTarget
from daemon.domain import dump as kinds
from daemon.domain.beside import DumpFact
from daemon.domain.dump import DatabaseDump

#: What ends one dump and not the run.
_FAILURES: Final = (DumpError, BudgetExceeded, SshError)
#: Of the time until a run has to be over, how much all dumps together may take: the rest is
#: for the files, whatever a database may be waiting for.
_SHARE: Final = 2
_UNFINISHED: Final = "the run ended before it was done"
_NO_TIME: Final = "there was no time left for it before the run has to be over"


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpTools:
    """What dumping works with.

    Attributes:
        target: The server.
        now: The clock.
        stop: Once set, the dump under way ends, and with it the pull.
        rate: Bytes a second at most, or None.
        progress: Told of each dump.
        warn: Told why one is missing.
        finish_by: When the run has to be over, or None.
    """

    target: SshTarget
    now: Callable[[], datetime]
    stop: threading.Event
    rate: Rate
    progress: CaptureProgress
    warn: Callable[[str], None]
    finish_by: datetime | None = None


class Dumping:
    """The dumps of one run, one after the other."""

    def __init__(self, dumps: tuple[DatabaseDump, ...], tools: DumpTools) -> None:
        self._dumps = dumps
        self._tools = tools
        self._problems: dict[str, str] = {}
        self._unreachable = ""

    def run(self, grafting: Grafting) -> None:
        """Dump everything that can be dumped.

        Raises:
            TransferInterrupted: it was stopped.
            StoreError, RepositoryError: from the writer.
        """
        for_all = self._time_for_all()
        for dump in self._dumps:
            if self._unreachable:
                self._problems[dump.name] = self._unreachable
            elif problem := self._attempt(dump, grafting, for_all):
                self._problems[dump.name] = problem
                self._tools.warn(f"The database {dump.name} is not dumped: {problem}")

    def describe(self, files: Mapping[str, GraftedFile]) -> tuple[DumpFact, ...]:
        """What there is to say of each, if these files are what there is, by their paths."""
        return tuple(self._fact(dump, files.get(_path(dump))) for dump in self._dumps)

    def _time_for_all(self) -> datetime | None:
        """Until when dumps may take what they need."""
        finish_by, now = self._tools.finish_by, self._tools.now()
        return None if finish_by is None else now + max(timedelta(), finish_by - now) / _SHARE

    def _attempt(self, dump: DatabaseDump, grafting: Grafting, until: datetime | None) -> str:
        """Dump one; why it is missing, or an empty text."""
        seconds = dump.timeout.total_seconds()
        if until is not None:
            seconds = min(seconds, (until - self._tools.now()).total_seconds())
        if seconds <= 0:
            return _NO_TIME
        try:
            self._take(dump, grafting, seconds)
        except _FAILURES as error:
            if isinstance(error, SshError) and not isinstance(error, ConnectionLost):
                self._unreachable = str(error)
            return str(error)
        return ""

    def _take(self, dump: DatabaseDump, grafting: Grafting, seconds: float) -> None:
        tools, taken_at = self._tools, self._tools.now()

        def store(stream: DumpStream) -> GraftedFile:
            return grafting.take(_path(dump), stream, taken_at)

        with tools.progress.dumping(dump.name):
            stream_dump(
                tools.target,
                dump_of(dump),
                store,
                timeout=seconds,
                rate=tools.rate,
                stop=tools.stop,
                on_bytes=tools.progress.count_dumped,
            )

    def _fact(self, dump: DatabaseDump, file: GraftedFile | None) -> DumpFact:
        made = dump_of(dump)
        fact = DumpFact(name=dump.name, kind=dump.kind, path=made.path, load=made.restore)
        if file is None:
            return replace(fact, problem=self._problems.get(dump.name, _UNFINISHED))
        stored = file.stored
        return replace(fact, size=stored.size, sha256=stored.sha256.hex(), taken_at=file.taken_at)


def dump_of(record: DatabaseDump) -> Dump:
    """The command that a server's record asks for."""
    return _MAKERS[record.kind](record)


def _postgres(record: DatabaseDump) -> Dump:
    return postgres_database(record.database or "", _login(record), name=record.name)


def _globals(record: DatabaseDump) -> Dump:
    return postgres_globals(_login(record), name=record.name)


def _mysql(record: DatabaseDump) -> Dump:
    program = "mariadb-dump" if record.kind == kinds.MARIADB else "mysqldump"
    return mysql_database(record.database, user=record.user, program=program, name=record.name)


def _sqlite(record: DatabaseDump) -> Dump:
    return sqlite_database(record.path or "", user=record.user, name=record.name)


def _redis(record: DatabaseDump) -> Dump:
    return redis_database(user=record.user, port=record.port, name=record.name)


def _command(record: DatabaseDump) -> Dump:
    return command_dump(record.name, record.argv)


_MAKERS: Final[Mapping[str, Callable[[DatabaseDump], Dump]]] = MappingProxyType(
    {
        kinds.POSTGRES: _postgres,
        kinds.POSTGRES_GLOBALS: _globals,
        kinds.MYSQL: _mysql,
        kinds.MARIADB: _mysql,
        kinds.SQLITE: _sqlite,
        kinds.REDIS: _redis,
        kinds.COMMAND: _command,
    }
)


def _login(record: DatabaseDump) -> PostgresLogin:
    return PostgresLogin(user=record.user, role=record.role, port=record.port, host=record.host)


def _path(dump: DatabaseDump) -> str:
    return dump_of(dump).path.removeprefix(f"/{PLACE.decode()}/")
