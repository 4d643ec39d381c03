"""What a run stored beside the server's files: dumps of its databases, and its passport."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backends.types import Omission
from daemon.domain.canonical import Fields, JsonObject
from daemon.domain.identifier import check_sha256
from daemon.domain.instant import as_utc, read_instant, write_instant
from daemon.domain.source import Consistency
from daemon.errors import InvalidValue

#: In `DumpFact.load`, what stands for the dump's own path.
FILE: Final = "FILE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpFact:
    """One database that a run was to dump.

    Attributes:
        name: Of the file.
        kind: See `DatabaseDump.kind`.
        path: Of the file among the server's own: `/.lapseguard/dumps/NAME`.
        load: How a person loads it, as one line with `FILE` for the dump.
        size: Bytes; None where there is no dump.
        sha256: Of the file in hex; likewise.
        taken_at: When it was begun, and so the instant that it shows (UTC); likewise.
        problem: Why there is no dump; else empty.
    """

    name: str
    kind: str
    path: str
    load: str
    size: int | None = None
    sha256: str | None = None
    taken_at: datetime | None = None
    problem: str = ""

    def __post_init__(self) -> None:
        if len({self.size is None, self.sha256 is None, self.taken_at is None}) != 1:
            raise InvalidValue(f"The dump {self.name} is neither there nor missing.")
        if self.sha256 is not None:
            check_sha256(self.sha256, "digest of a dump")
        if self.taken_at is not None:
            object.__setattr__(self, "taken_at", as_utc(self.taken_at))

    @property
    def is_there(self) -> bool:
        """Whether the database was dumped."""
        return self.size is not None

    @property
    def consistency(self) -> Consistency:
        """A dump is of one instant, by the database's own word."""
        return Consistency.APPLICATION if self.is_there else Consistency.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportFact:
    """A server's description of itself.

    Attributes:
        path: Of the file among the server's own.
        size: Bytes.
        gaps: What it did not say of itself.
    """

    path: str
    size: int
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """All of it; `dumps` in the order of the server's record."""

    dumps: tuple[DumpFact, ...] = ()
    passport: PassportFact | None = None

    @property
    def omissions(self) -> tuple[Omission, ...]:
        """Dumps that are missing."""
        return tuple(
            Omission(path=dump.path.lstrip("/").encode(), reason=dump.problem)
            for dump in self.dumps
            if not dump.is_there
        )


NOTHING: Final = Beside()


def encode_beside(beside: Beside) -> JsonObject:
    """As a JSON value."""
    passport = beside.passport
    return {
        "dumps": [_encode_dump(dump) for dump in beside.dumps],
        "passport": None
        if passport is None
        else {"path": passport.path, "size": passport.size, "gaps": list(passport.gaps)},
    }


def _encode_dump(dump: DumpFact) -> JsonObject:
    about: JsonObject = {
        "name": dump.name,
        "kind": dump.kind,
        "path": dump.path,
        "load": dump.load,
        "consistency": dump.consistency.value,
    }
    if dump.size is None or dump.sha256 is None or dump.taken_at is None:
        # Reasons quote what programs printed; half a character must not spoil a whole manifest.
        return {**about, "problem": dump.problem.encode(errors="replace").decode()}
    taken_at = write_instant(dump.taken_at)
    return {**about, "size": dump.size, "sha256": dump.sha256, "taken_at": taken_at}


def decode_beside(fields: Fields) -> Beside:
    """What `encode_beside` wrote.

    Raises:
        InvalidValue: it is malformed.
    """
    return Beside(
        dumps=fields.each("dumps", _decode_dump),
        passport=fields.optional("passport", _decode_passport),
    )


def _decode_dump(fields: Fields) -> DumpFact:
    there = fields.has("size")
    dump = DumpFact(
        name=fields.text("name"),
        kind=fields.text("kind"),
        path=fields.text("path"),
        load=fields.text("load"),
        size=fields.number("size") if there else None,
        sha256=fields.text("sha256") if there else None,
        taken_at=read_instant(fields.text("taken_at")) if there else None,
        problem="" if there else fields.text("problem"),
    )
    if fields.text("consistency") != dump.consistency.value:
        raise InvalidValue(f"The dump {dump.name} has a consistency that it cannot have.")
    return dump


def _decode_passport(fields: Fields) -> PassportFact:
    return PassportFact(
        path=fields.text("path"), size=fields.number("size"), gaps=fields.texts("gaps")
    )
