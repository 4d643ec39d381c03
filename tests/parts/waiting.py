"""Waiting for what other threads do, and contents that are worth storing."""

import random
import time
from collections.abc import Callable
from typing import Final

#: Seconds; only a test that fails waits so long.
PATIENCE: Final = 60


def wait_until(true: Callable[[], bool]) -> None:
    """Ask again and again until it is."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def noise(seed: int, size: int) -> bytes:
    """So many bytes that nothing makes smaller, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - repeatable test data
