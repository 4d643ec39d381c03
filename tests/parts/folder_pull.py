"""A server without ssh or rsync: a folder that is pulled by their rules, and can be spoilt."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from backends.errors import TransferInterrupted
from backends.protocols import StopSignal
from backends.rsync.output import parse_line
from backends.types import Arrival, PullReport, PullSpec


def line_of(path: str, content: bytes) -> bytes:
    """What rsync prints of a complete file."""
    checksum = xxhash.xxh3_128_hexdigest(content)
    return f">f+++++++++ {len(content)} {len(content)} {checksum} {path}\n".encode()


@dataclass(kw_only=True)
class FolderPull:
    """A pull that does as rsync does: what has the right size and time is not sent again.

    Attributes:
        source: What the server has.
        image: Where it lands.
        journal: Gets rsync's lines.
        before: Called before each file; may break the pull off.
        spoilt: The file whose bytes arrive as others than were sent; each time, unless
            `spoilt_once`.
        checksums: False for an rsync too old to give any.
        sent: Gets the names of the files that were sent, in order.
        asked: Gets what was asked for, call by call.
        itemises: Names all that it changes, as a whole pull of rsync does.
        ahead: Whoever takes what arrives hears of it when all has landed, as behind a fast rsync.
        stop: Once set, the pull breaks off before the next file.
    """

    source: Path
    image: Path
    journal: Callable[[bytes], object]
    before: Callable[[Path], None] = lambda _: None
    spoilt: str = ""
    spoilt_once: bool = False
    checksums: bool = True
    sent: list[str] = field(default_factory=list)
    asked: list[PullSpec] = field(default_factory=list)
    itemises: bool = False
    ahead: bool = False
    stop: StopSignal | None = None
    changed: set[bytes] = field(default_factory=set)
    rsync_version: str = "3.5.0"

    def pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        landed: list[Arrival] = []
        report = self._pull(spec, landed.append if self.ahead else on_arrival)
        for arrival in landed:
            on_arrival(arrival)
        return report

    def _pull(self, spec: PullSpec, on_arrival: Callable[[Arrival], None]) -> PullReport:
        self.asked.append(spec)
        for file in sorted(path for path in self.source.rglob("*") if path.is_file()):
            name = str(file.relative_to(self.source))
            if not any(f"/{name}/".startswith(f"{path}/") for path in spec.sources):
                continue
            self.before(file)
            if self.stop is not None and self.stop.is_set():
                raise TransferInterrupted("The pull was stopped on request")
            staged = self.image / name
            if not staged.exists() or facts(staged) != facts(file):
                self._send(file, staged, name, on_arrival)
        if not spec.only:
            self._delete()
        return PullReport(
            complete=True,
            arrivals=len(self.sent),
            received_bytes=0,
            omissions=(),
            vanished=(),
            seconds=1.0,
            attempts=1,
            rsync_version="3.5.0",
            changed=frozenset(self.changed) if self.itemises else None,
        )

    def _send(
        self, file: Path, staged: Path, name: str, on_arrival: Callable[[Arrival], None]
    ) -> None:
        content = file.read_bytes()
        line = line_of(name, content)
        if not self.checksums:
            line = line.replace(xxhash.xxh3_128_hexdigest(content).encode(), b" " * 32)
        arrival = parse_line(line)
        assert isinstance(arrival, Arrival)
        self.journal(line)
        on_arrival(arrival)
        spoil = name == self.spoilt and not (self.spoilt_once and name in self.sent)
        received = bytes(len(content)) if spoil else content
        put(staged, received, file.stat().st_mtime_ns)
        self.sent.append(name)
        self.changed.add(os.fsencode(name))

    def _delete(self) -> None:
        for path in sorted(self.image.rglob("*"), reverse=True):
            if not (self.source / path.relative_to(self.image)).exists():
                self.changed.add(os.fsencode(path.relative_to(self.image)))
                path.rmdir() if path.is_dir() else path.unlink()


def facts(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns


def put(path: Path, content: bytes, mtime_ns: int = 10**18) -> None:
    """Write a file as rsync does, by renaming."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.Ab12Cd")
    unfinished.write_bytes(content)
    os.utime(unfinished, ns=(mtime_ns, mtime_ns))
    unfinished.replace(path)
