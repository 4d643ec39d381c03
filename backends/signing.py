"""Ed25519 signatures: a key file that only we can read, and a check that needs no key file."""

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from backends.errors import LocalPathUnusable, SignatureInvalid

_PREFIX: Final = "ed25519:"


class SigningKey:
    """A private key; its text form never leaves the file that `save` writes."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new random key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """The key that `save` wrote.

        Raises:
            LocalPathUnusable: the file cannot be read, can be read by others as well, or holds
                no unencrypted Ed25519 key in PEM.
        """
        try:
            with path.open("rb") as file:
                _require_private(path, os.fstat(file.fileno()))
                private = load_pem_private_key(file.read(), password=None)
        except OSError as error:
            raise LocalPathUnusable(
                f"The signing key {path} cannot be read: {error.strerror}.",
                hint="`lapseguard init` makes one; a lost one is replaced the same way.",
            ) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _not_a_key(path) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise _not_a_key(path)
        return cls(private)

    def save(self, path: Path) -> None:
        """Write the key to a new file, mode 0600, and make sure that it is on the disk.

        Raises:
            LocalPathUnusable: the file exists, or cannot be written.
        """
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            _sync_folder(path.parent)
        except OSError as error:
            raise LocalPathUnusable(
                f"The signing key {path} cannot be written: {error.strerror}."
            ) from error

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`, 64 bytes; the same message always gets the same one."""
        return self._private.sign(message)

    @property
    def public_text(self) -> str:
        """The public key as `ed25519:` and its 32 raw bytes in base64."""
        return _PREFIX + base64.b64encode(self._private.public_key().public_bytes_raw()).decode()


def verify_signature(public_text: str, message: bytes, signature: bytes) -> None:
    """Return if `signature` was made over `message` by the key that belongs to `public_text`.

    Raises:
        SignatureInvalid: it was not, or `public_text` is no key as `SigningKey` writes it.
    """
    public = _read_public(public_text)
    try:
        public.verify(signature, message)
    except InvalidSignature as error:
        raise SignatureInvalid(f"The signature is not one of {public_text}.") from error


def _read_public(text: str) -> Ed25519PublicKey:
    try:
        if text.startswith(_PREFIX):
            raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
            return Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid(f"{text!r} is not an Ed25519 public key.") from error
    raise SignatureInvalid(f"{text!r} is not an Ed25519 public key.")


def _require_private(path: Path, status: os.stat_result) -> None:
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise LocalPathUnusable(
            f"The signing key {path} can be read by others.",
            hint=f"chmod 600 {path}; if somebody may have read it, make a new one.",
        )


def _not_a_key(path: Path) -> LocalPathUnusable:
    return LocalPathUnusable(
        f"{path} holds no Ed25519 signing key.", hint="Put the key that `init` made back there."
    )


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
