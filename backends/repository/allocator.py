"""Keeps the C allocator from hoarding the memory of packs that were sent off."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
#: Blocks of so many bytes and more are the system's own, not the heap's.
PACK_SIZED: Final = 4 << 20
_KEPT: Final = 8 << 20
#: Heaps side by side. By default there are eight for each core, and each keeps gaps of its own.
#: Threads that run Python mostly wait for each other anyway.
_ARENAS: Final = 2


@cache
def return_freed_packs() -> None:
    """Have blocks of 4 MiB and more go back to the system when they are freed.

    glibc raises that bound by itself as soon as one larger block is freed. From then on packs and
    chunks share its per-thread arenas, whose gaps cost over 100 MB; with a fixed bound they cost
    none, for some 3 % more CPU. It holds for the whole process, and for threads that begin after
    it. Other C libraries have no such setting, and nothing happens.
    """
    mallopt = _find("mallopt")
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, PACK_SIZED)
        mallopt(_TRIM_THRESHOLD, _KEPT)


def return_free_memory() -> None:
    """Give back what lies free between blocks in use.

    Some 40 MB after a flush, and up to 30 after a pack was sent off; it takes 1 to 4 milliseconds.
    """
    trim = _find("malloc_trim")
    if trim is not None:
        trim(0)


@cache
def _find(name: str) -> Callable[..., int] | None:
    """A function of the C library, where it has it."""
    return getattr(ctypes.CDLL(None), name, None)
