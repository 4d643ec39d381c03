"""A server behind a line whose speed is set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.parts.sshd import Sshd

#: As a forced command: sends at most so many KiB a second, and keeps a copy of what it sent.
METERED = (
    "limit=--bwlimit=$(cat {rate}); "
    'command=$(printf %s "$SSH_ORIGINAL_COMMAND" | sed "s/--sender/--sender $limit/"); '
    '/bin/sh -c "$command" | tee {sent}/$$'
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A server behind a line whose speed is set, and that counts what goes over it."""

    host: Sshd
    folder: Path

    def limit(self, kib_per_second: int) -> None:
        """From the next connection on; 0 lifts the limit."""
        (self.folder / "rate").write_text(str(kib_per_second))

    def sent(self) -> int:
        """Bytes that the server has sent since this was asked last."""
        found = list((self.folder / "sent").iterdir())
        total = sum(file.stat().st_size for file in found)
        for file in found:
            file.unlink()
        return total


@pytest.fixture(scope="module")
def line(make_sshd: Callable[..., Sshd], tmp_path_factory: pytest.TempPathFactory) -> Line:
    folder = tmp_path_factory.mktemp("line")
    (folder / "sent").mkdir()
    line = Line(
        host=make_sshd(forced_command=METERED.format(rate=folder / "rate", sent=folder / "sent")),
        folder=folder,
    )
    line.limit(0)
    return line
