"""What a fleet file says: servers and contracts, under the names that the file gives their keys."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from daemon.domain.bandwidth import write_stretches
from daemon.domain.contract import Contract
from daemon.domain.duration import write_duration
from daemon.domain.freezing import NONE, USUAL_HOOK_TIMEOUT
from daemon.domain.phasetext import write_course
from daemon.domain.server import Server
from daemon.domain.sourcetext import dump_fields, machine_fields, write_line

#: What one key of a fleet file can mean; an empty text is the same as none.
FieldValue: TypeAlias = bool | int | str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Servers and contracts together.

    Attributes:
        servers: In any order, no name twice.
        contracts: Likewise.
    """

    servers: tuple[Server, ...] = ()
    contracts: tuple[Contract, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is written.

    Attributes:
        file: As the person named it.
        table: `servers.web-1`, or the name that a CSV row has; empty for the file as a whole.
        key: The key, or the column; empty for the table as a whole.
        line: Counted from 1, where it is known.
    """

    file: str
    table: str = ""
    key: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        inside = " ".join(
            part
            for part in (self.table and f"[{self.table}]", self.key and f"`{self.key}`")
            if part
        )
        return f"{where}: {inside}" if inside else where


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a fleet file, so that nothing of it is imported.

    Attributes:
        place: Where.
        message: What, as it reads after the place.
        hint: What to do about it; may be empty.
    """

    place: Place
    message: str
    hint: str = ""

    def __str__(self) -> str:
        said = f"{self.place}{' ' if self.place.table or self.place.key else ': '}{self.message}"
        return f"{said.rstrip('.')}. {self.hint}" if self.hint else said


def server_fields(server: Server) -> tuple[tuple[str, FieldValue], ...]:
    """A server's keys and values, in the order in which they are written."""
    return (
        ("host", server.host),
        ("port", server.port),
        ("user", server.user),
        ("identity", server.identity or None),
        ("host_key", server.host_key),
        ("paths", server.paths),
        ("priority", server.priority),
        ("excludes", server.excludes),
        ("sudo", server.sudo),
        ("one_file_system", server.one_file_system),
        ("store", server.store),
        ("fate_accepted", server.fate_accepted),
        ("verify_depth", server.verify_depth and server.verify_depth.value),
        ("labels", server.labels),
        ("value", server.value),
        ("bandwidth", write_stretches(server.rates) or server.bandwidth),
        ("staging", server.staging and server.staging.value),
        ("snapshot", None if server.freezing.kind == NONE else server.freezing.kind),
        ("snapshot_required", server.freezing.required),
        ("before_capture", server.freezing.before),
        ("after_capture", server.freezing.after),
        ("freeze_command", server.freezing.freeze),
        ("thaw_command", server.freezing.thaw),
        ("hook_timeout", _unusual(server.freezing.hook_timeout, USUAL_HOOK_TIMEOUT)),
        ("dumps", tuple(write_line(dump_fields(dump)) for dump in server.dumps)),
        ("machine", _machine(server)),
    )


def _machine(server: Server) -> str | None:
    return None if server.machine is None else write_line(machine_fields(server.machine))


def _unusual(length: timedelta, usual: timedelta) -> str | None:
    return None if length == usual else write_duration(length)


def contract_fields(contract: Contract) -> tuple[tuple[str, FieldValue], ...]:
    """A contract's keys and values, in the order in which they are written."""
    return (
        ("provider", contract.provider),
        ("reference", contract.reference or None),
        ("account", contract.account or None),
        ("servers", contract.servers),
        ("stores", contract.stores),
        ("subject", contract.subject or None),
        ("expires", contract.expiry.text),
        ("timezone", contract.expiry.timezone),
        ("preset", contract.preset or None),
        ("labels", contract.labels),
        ("phases", () if contract.course is None else write_course(contract.course)),
    )
