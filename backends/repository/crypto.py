"""The repository's only cipher: AES-256-CTR, authenticated by Poly1305-AES.

A sealed message is `iv(16) ‖ ciphertext ‖ tag(16)`; the iv is also the nonce of the tag. The
one-time Poly1305 key is `r ‖ AES-128_k(iv)` (restic's `doc/design.rst`, "Keys, Encryption and MAC";
D. J. Bernstein, "The Poly1305-AES message-authentication code").
"""

import hmac
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

from backends.errors import RepositoryDamaged

IV_SIZE: Final = 16
TAG_SIZE: Final = 16
#: How many bytes sealing adds to a message.
OVERHEAD: Final = IV_SIZE + TAG_SIZE
#: Bits of `r` that Poly1305 uses; the others are zero in a key made by us.
_R_MASK: Final = int("0ffffffc0ffffffc0ffffffc0fffffff", 16)
_NO_IV: Final = bytes(IV_SIZE)

#: What holds bytes to be read in place.
Buffer: TypeAlias = bytes | bytearray | memoryview


class _Ciphers(threading.local):
    """One thread's cipher contexts; setting a context up costs more than sealing a small blob.

    Opening has contexts of its own: a flipped bit in the expanded key that sealing used would
    otherwise undo itself in the check of what was sealed.
    """

    def __init__(self, encrypt: bytes, mac_k: bytes) -> None:
        self.seal_stream = _stream(encrypt)
        self.seal_nonce = _block(mac_k)
        self.open_stream = _stream(encrypt)
        self.open_nonce = _block(mac_k)


def _stream(key: bytes) -> CipherContext:
    return Cipher(AES256(key), CTR(_NO_IV)).encryptor()


def _block(key: bytes) -> CipherContext:
    # One block of AES as a pseudo-random function is what Poly1305-AES is defined with.
    return Cipher(AES128(key), ECB()).encryptor()  # noqa: S305


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    """Seals and opens everything in one repository; safe to use from several threads.

    Attributes:
        encrypt: AES-256 key, 32 bytes.
        mac_k: AES-128 key that turns a nonce into half of the one-time key, 16 bytes.
        mac_r: The other half, 16 bytes.
    """

    encrypt: bytes = field(repr=False)
    mac_k: bytes = field(repr=False)
    mac_r: bytes = field(repr=False)
    _ciphers: _Ciphers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (len(self.encrypt), len(self.mac_k), len(self.mac_r)) != (32, 16, 16):
            raise RepositoryDamaged("A key of the repository has the wrong length.")
        object.__setattr__(self, "_ciphers", _Ciphers(self.encrypt, self.mac_k))

    @classmethod
    def generate(cls) -> Self:
        """A fresh random key."""
        r = int.from_bytes(os.urandom(16), "little") & _R_MASK
        return cls(encrypt=os.urandom(32), mac_k=os.urandom(16), mac_r=r.to_bytes(16, "little"))

    @classmethod
    def from_derived(cls, derived: bytes) -> Self:
        """The key that 64 bytes of scrypt stand for: encrypt ‖ k ‖ r."""
        return cls(encrypt=derived[:32], mac_k=derived[32:48], mac_r=derived[48:])

    def seal(self, plain: Buffer) -> bytes:
        """Encrypt and authenticate under a fresh random iv; adds `OVERHEAD` bytes."""
        ciphers = self._ciphers
        iv = os.urandom(IV_SIZE)
        ciphers.seal_stream.reset_nonce(iv)
        hidden = ciphers.seal_stream.update(plain)
        tag = Poly1305.generate_tag(self.mac_r + ciphers.seal_nonce.update(iv), hidden)
        return b"".join((iv, hidden, tag))

    def seal_many(self, plains: Sequence[Buffer]) -> list[bytes]:
        """Likewise for many messages, at a lower price for each than one by one."""
        ciphers, mac_r, tag_of = self._ciphers, self.mac_r, Poly1305.generate_tag
        stream = ciphers.seal_stream
        ivs = os.urandom(IV_SIZE * len(plains))
        masks = ciphers.seal_nonce.update(ivs)
        sealed = []
        for plain, at in zip(plains, range(0, len(ivs), IV_SIZE), strict=True):
            iv = ivs[at : at + IV_SIZE]
            stream.reset_nonce(iv)
            hidden = stream.update(plain)
            tag = tag_of(mac_r + masks[at : at + IV_SIZE], hidden)
            sealed.append(b"".join((iv, hidden, tag)))
        return sealed

    def open(self, sealed: Buffer) -> bytes:
        """The plain message.

        Raises:
            RepositoryDamaged: too short, altered, or sealed under another key.
        """
        if len(sealed) < OVERHEAD:
            raise RepositoryDamaged(f"A sealed message has only {len(sealed)} bytes.")
        ciphers = self._ciphers
        view = memoryview(sealed)
        iv, hidden, tag = bytes(view[:IV_SIZE]), view[IV_SIZE:-TAG_SIZE], view[-TAG_SIZE:]
        expected = Poly1305.generate_tag(self.mac_r + ciphers.open_nonce.update(iv), hidden)
        if not hmac.compare_digest(expected, tag):
            raise RepositoryDamaged("Encrypted data does not match its authentication tag.")
        ciphers.open_stream.reset_nonce(iv)
        return ciphers.open_stream.update(hidden)

    def open_many(self, sealed: Sequence[Buffer]) -> list[bytes]:
        """Likewise for many messages, at a lower price for each than one by one.

        Raises:
            RepositoryDamaged: one of them, without saying which, is not as it was sealed.
        """
        if any(len(each) < OVERHEAD for each in sealed):
            raise RepositoryDamaged("A sealed message is too short.")
        ciphers, mac_r, tag_of = self._ciphers, self.mac_r, Poly1305.generate_tag
        views = [memoryview(each) for each in sealed]
        ivs = [bytes(view[:IV_SIZE]) for view in views]
        hidden = [view[IV_SIZE:-TAG_SIZE] for view in views]
        masks = ciphers.open_nonce.update(b"".join(ivs))
        starts = range(0, len(masks), IV_SIZE)
        expected = [
            tag_of(mac_r + masks[at : at + IV_SIZE], each)
            for each, at in zip(hidden, starts, strict=True)
        ]
        tags = [view[-TAG_SIZE:] for view in views]
        if not hmac.compare_digest(b"".join(expected), b"".join(tags)):
            raise RepositoryDamaged("Encrypted data does not match its authentication tag.")
        return _decrypt(ciphers.open_stream, ivs, hidden)


def _decrypt(stream: CipherContext, ivs: list[bytes], hidden: list[memoryview]) -> list[bytes]:
    plains = []
    for iv, each in zip(ivs, hidden, strict=True):
        stream.reset_nonce(iv)
        plains.append(stream.update(each))
    return plains
