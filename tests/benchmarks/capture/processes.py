"""Processes as /proc shows them; one look costs a millisecond or two."""

import contextlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process at one moment.

    Attributes:
        pid, parent: Numbers.
        name: As the kernel cuts it, to 15 characters.
        processor: Seconds of processor time, that of children not counted.
    """

    pid: int
    parent: int
    name: str
    processor: float


def processes() -> dict[int, Process]:
    """All there are, by number."""
    numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208 - quick
    found = (_read(number) for number in numbers)
    return {each.pid: each for each in found if each is not None}


def below(all_of_them: dict[int, Process], roots: Iterable[int]) -> list[Process]:
    """These and everything that they started, as far as it is there."""
    children: dict[int, list[int]] = {}
    for each in all_of_them.values():
        children.setdefault(each.parent, []).append(each.pid)
    waiting = [pid for pid in roots if pid in all_of_them]
    found = []
    while waiting:
        pid = waiting.pop()
        found.append(all_of_them[pid])
        waiting += children.get(pid, ())
    return found


def proportional(pid: int) -> int:
    """Bytes of memory of a process; what it shares with others is divided among them."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Looking(ABC):
    """Looks again and again while it is entered.

    Args:
        every: Seconds between two looks.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    @abstractmethod
    def look(self) -> None:
        """Once."""

    def _look_on(self) -> None:
        while not self._done.wait(self._every):
            self.look()


def _read(pid: int) -> Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    used = int(fields[11]) + int(fields[12])
    return Process(
        pid=pid, parent=int(fields[1]), name=head.partition("(")[2], processor=used / _TICK
    )
