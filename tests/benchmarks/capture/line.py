"""Slow lines: each end in a network of its own, behind a token bucket that delays what is too much.

Needs root, network namespaces and `tc` with `tbf`; what is made goes again on leaving.
"""

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Addresses for documentation and benchmarks (RFC 2544), which nobody routes.
_NETWORK = "198.18"
_NUMBERS = itertools.count()
#: Of the bucket: a burst holds a few of the largest packets that a kernel hands over at once.
_BUCKET = ("burst", "256kb", "latency", "50ms")


class LineUnavailable(Exception):
    """This system does not let us make slow lines; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Where a server can run.

    Attributes:
        address: That it is reached at.
        within: Words to begin its command line with.
        device: Our end of its line, None where there is none.
    """

    address: str
    within: tuple[str, ...] = ()
    device: str | None = None

    def passed(self) -> tuple[int, int]:
        """Bytes that have come from it and gone to it, all headers counted; 0 without a line."""
        if self.device is None:
            return 0, 0
        counters = Path("/sys/class/net") / self.device / "statistics"
        came, gone = (int((counters / name).read_text()) for name in ("rx_bytes", "tx_bytes"))
        return came, gone


#: On this machine as it is.
HERE = End(address="127.0.0.1")


@contextmanager
def two_lines(megabits: int) -> Iterator[tuple[End, End]]:
    """Two places, each behind a line of so many megabits a second each way. See `slow_line`."""
    with slow_line(megabits) as first, slow_line(megabits) as second:
        yield first, second


@contextmanager
def slow_line(megabits: int) -> Iterator[End]:
    """A place behind a line of so many megabits a second each way.

    Raises:
        LineUnavailable: not permitted, or a program is missing.
    """
    number = next(_NUMBERS)
    name = f"lgbench{os.getpid()}x{number}"
    near, away = f"lg{os.getpid()}n{number}", f"lg{os.getpid()}f{number}"
    prefix = f"{_NETWORK}.{os.getpid() % 250}.{number * 4 % 252}".rpartition(".")
    base = int(prefix[2])
    ours, theirs = f"{prefix[0]}.{base + 1}", f"{prefix[0]}.{base + 2}"
    rate = ("root", "tbf", "rate", f"{megabits}mbit", *_BUCKET)
    try:
        _call("ip", "netns", "add", name)
        _call("ip", "link", "add", near, "type", "veth", "peer", "name", away, "netns", name)
        _call("ip", "address", "add", f"{ours}/30", "dev", near)
        _call("ip", "link", "set", near, "up")
        for words in (
            ("ip", "address", "add", f"{theirs}/30", "dev", away),
            ("ip", "link", "set", away, "up"),
            ("ip", "link", "set", "lo", "up"),
            ("tc", "qdisc", "add", "dev", away, *rate),
        ):
            _call("ip", "netns", "exec", name, *words)
        _call("tc", "qdisc", "add", "dev", near, *rate)
        yield End(address=theirs, within=("ip", "netns", "exec", name), device=near)
    finally:
        for doomed in (("link", "del", near), ("netns", "del", name)):
            with contextlib.suppress(LineUnavailable):
                _call("ip", *doomed)


def _call(*argv: str) -> None:
    try:
        ended = subprocess.run(argv, capture_output=True, check=False, text=True)
    except FileNotFoundError as error:
        raise LineUnavailable(f"{argv[0]} is not installed (iproute2)") from error
    if ended.returncode:
        raise LineUnavailable(f"{' '.join(argv)}: {ended.stderr.strip()}")
