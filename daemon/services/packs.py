"""Looks every pack of a snapshot up in its store: there, of the right size, vouched for?"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from backends.errors import ObjectMissing
from backends.protocols import ObjectStore
from backends.repository.pack import pack_key
from backends.types import ObjectInfo

#: Look-ups under way at the same time; each is one small request.
_LOOKUPS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PackStanding:
    """One pack as its store describes it.

    Attributes:
        pack: Its SHA-256, raw; also its name.
        info: What the store says, or None where it has no such object.
    """

    pack: bytes
    info: ObjectInfo | None

    @property
    def attested(self) -> bool:
        """Whether the store itself vouches for exactly these bytes."""
        return self.info is not None and self.info.sha256 == self.pack

    @property
    def is_other(self) -> bool:
        """Whether the store itself says that it has other bytes under this name."""
        return self.info is not None and self.info.sha256 not in (None, self.pack)

    def problem(self, expected_size: int | None) -> str | None:
        """What is wrong with it, as a sentence; None where nothing is.

        Args:
            expected_size: Bytes that it must have, where that is known.
        """
        name = f"The pack {self.pack.hex()[:16]}…"
        if self.info is None:
            return f"{name} is not in the store."
        if expected_size is not None and self.info.size != expected_size:
            return f"{name} has {self.info.size} bytes and should have {expected_size}."
        if self.is_other:
            return f"{name} has another checksum, by the store's own word."
        return None


def look_up_packs(
    store: ObjectStore, packs: Iterable[bytes], on_pack: Callable[[], None] = lambda: None
) -> tuple[PackStanding, ...]:
    """Ask the store about each pack, in the order given.

    Args:
        store: Rooted at the repository.
        packs: SHA-256 of each, raw.
        on_pack: Called after each, for a progress display.

    Raises:
        StoreError: the store did not answer; nothing is known then.
    """

    def look_up(pack: bytes) -> PackStanding:
        try:
            info = store.stat(pack_key(pack))
        except ObjectMissing:
            info = None
        on_pack()
        return PackStanding(pack=pack, info=info)

    with ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="look-up") as pool:
        return tuple(pool.map(look_up, packs))
