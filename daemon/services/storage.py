"""Trying a store out before anything depends on it."""

import contextlib

from backends.errors import ObjectCorrupt, StoreError
from backends.protocols import ObjectStore


def check_writable(store: ObjectStore, content: bytes) -> None:
    """Write an object, read it back and delete it.

    Args:
        store: Anywhere.
        content: Random bytes, so that nothing old can pass for them.

    Raises:
        ObjectCorrupt: other bytes came back.
        StoreError: any other child, as the store's own fault.
    """
    key = f"lapseguard-trial-{content[:8].hex()}"
    store.put(key, content)
    try:
        _compare(store, key, content)
    except BaseException:
        # The failure that matters is being raised; a trial object left behind harms nobody.
        with contextlib.suppress(StoreError):
            store.delete(key)
        raise
    store.delete(key)


def _compare(store: ObjectStore, key: str, content: bytes) -> None:
    if store.get(key) != content:
        raise ObjectCorrupt(f"{store.url} gave back other bytes than were written.")
