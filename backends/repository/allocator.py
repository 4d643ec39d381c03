"""Keeps the C allocator from hoarding the memory of packs that were sent off."""

import ctypes
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
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, PACK_SIZED)
        mallopt(_TRIM_THRESHOLD, _KEPT)
