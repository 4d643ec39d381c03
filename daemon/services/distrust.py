"""Packs that were read and found damaged, noted beside them in the store.

A pack is never removed for it: what else it holds may be the last copy. But nothing new relies on
it, and the next backup stores what it held once more while the server still has it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from backends.errors import RepositoryLocked, StoreRefused
from backends.protocols import ObjectStore
from backends.repository.lock import hold_lock
from backends.repository.repository import Repository

DISTRUSTED_PREFIX: Final = "lapseguard/distrusted/"
_NAME: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def list_distrusted(store: ObjectStore) -> frozenset[bytes]:
    """SHA-256 of every pack that was noted, raw. Raises StoreError."""
    names = (info.key.removeprefix(DISTRUSTED_PREFIX) for info in store.list(DISTRUSTED_PREFIX))
    return frozenset(bytes.fromhex(name) for name in names if _NAME.fullmatch(name))


def note_distrusted(store: ObjectStore, packs: Iterable[bytes]) -> None:
    """Let every later run know. Raises StoreError."""
    for pack in sorted(packs):
        store.put(f"{DISTRUSTED_PREFIX}{pack.hex()}", b"damaged\n")


def forget_lost(repository: Repository, warn: Callable[[str], None]) -> None:
    """See that nobody looks for lost packs any more; needs the repository for itself.

    Raises:
        StoreError, RepositoryError.
    """
    from backends.repository.mending import mend_index  # noqa: PLC0415 - what writes, if needed

    try:
        with hold_lock(repository, exclusive=True):
            mend_index(repository, list_distrusted(repository.store))
    except (RepositoryLocked, StoreRefused) as error:
        # Safe to go on: our own readers know better than the index, others do not.
        warn(
            f"The index still names lost packs, which stock restic stumbles over: {error} "
            "`restic repair index` removes them."
        )
