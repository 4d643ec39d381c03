"""From a password to a key, at a price that a hostile key file cannot set too high."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.errors import RepositoryDamaged

if TYPE_CHECKING:  # loads ciphers, which nobody needs to derive
    from backends.repository.crypto import MasterKey

SALT_SIZE: Final = 64
_DERIVED_SIZE: Final = 64
#: Memory of one derivation; restic itself stays under 64 MiB.
_MAX_MEMORY: Final = 256 << 20
#: Block operations N·r·p of one derivation; restic's dearest are about 2^21 (half a second).
_MAX_WORK: Final = 1 << 23


@dataclass(frozen=True, slots=True, kw_only=True)
class ScryptCost:
    """scrypt's parameters, named as in its paper.

    Attributes:
        n: Memory and time, a power of two.
        r: Block size.
        p: Repetitions.

    Raises:
        RepositoryDamaged: not valid for scrypt, or dearer than any honest key.
    """

    n: int
    r: int
    p: int

    def __post_init__(self) -> None:
        if self.n < 2 or self.n & (self.n - 1) or self.r < 1 or self.p < 1:  # noqa: PLR2004 - scrypt's definition
            raise RepositoryDamaged("A key file has parameters that are not valid for scrypt.")
        if self.memory > _MAX_MEMORY or self.n * self.r * self.p > _MAX_WORK:
            raise RepositoryDamaged("A key file asks for an absurd amount of memory or time.")

    @property
    def memory(self) -> int:
        """Bytes that one derivation takes."""
        return 128 * self.r * (self.n + self.p + 2)


#: What restic settles on for most machines: 32 MiB, about half a second.
DEFAULT_COST: Final = ScryptCost(n=32768, r=8, p=5)


def derive_key(password: str, salt: bytes, cost: ScryptCost) -> "MasterKey":
    """The key that guards one key file's content. Raises as `derive_bytes`."""
    from backends.repository.crypto import MasterKey  # noqa: PLC0415 - see above

    return MasterKey.from_derived(derive_bytes(password, salt, cost))


def derive_bytes(password: str, salt: bytes, cost: ScryptCost) -> bytes:
    """The 64 bytes that such a key is made of.

    Raises:
        RepositoryDamaged: the salt has another length than restic's 64 bytes.
    """
    if len(salt) != SALT_SIZE:
        raise RepositoryDamaged("A key file has a salt of the wrong length.")
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=cost.memory + (1 << 20),
        dklen=_DERIVED_SIZE,
    )
