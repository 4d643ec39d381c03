"""A country of our own, whose government changes its clocks while contracts run."""

import struct
import tempfile
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "Lapseland/Capital"
#: POSIX counts offsets westwards: these are UTC+8 and, after the change, UTC+9.
OLD_RULES, NEW_RULES = "LAP-8", "LAP-9"

_FOLDERS: list[Path] = []


@contextmanager
def own_country() -> Iterator[None]:
    """Let the zone exist for the length of a `with` block."""
    before = zoneinfo.TZPATH
    with tempfile.TemporaryDirectory(prefix="lapseland-") as folder:
        (Path(folder) / NAME).parent.mkdir()
        _FOLDERS.append(Path(folder))
        _write(OLD_RULES)
        zoneinfo.reset_tzpath([folder, *before])
        try:
            yield
        finally:
            _FOLDERS.pop()
            zoneinfo.reset_tzpath(before)
            zoneinfo.ZoneInfo.clear_cache(only_keys=[NAME])


def change_rules() -> None:
    """From now on the country is an hour further east, as after an update of the zone data."""
    _write(NEW_RULES)


def _write(rules: str) -> None:
    (_FOLDERS[-1] / NAME).write_bytes(_zone_file(rules))
    zoneinfo.ZoneInfo.clear_cache(only_keys=[NAME])


def _zone_file(rules: str) -> bytes:
    """A zone without transitions, whose rules are all in its footer: RFC 8536, section 3."""
    hours = -int(rules.removeprefix("LAP"))
    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    block = header + struct.pack(">lBB", hours * 3600, 0, 0) + b"LAP\0"
    return block + block + f"\n{rules}\n".encode()
