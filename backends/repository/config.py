"""The object `config`: which format, which repository, and stock restic's chunker parameter."""

import json
import os
import re
from dataclasses import dataclass
from typing import Final

from backends.errors import (
    ObjectMissing,
    RepositoryDamaged,
    RepositoryMissing,
    UnsupportedRepository,
)
from backends.protocols import ObjectStore
from backends.repository.crypto import MasterKey
from backends.repository.polynomial import random_polynomial

CONFIG_KEY: Final = "config"
NEWEST_VERSION: Final = 2
KNOWN_VERSIONS: Final = (1, 2)
_ID: Final = re.compile(r"[0-9a-f]{64}")
_POLYNOMIAL: Final = re.compile(r"[0-9a-f]{1,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryConfig:
    """What a repository says of itself.

    Attributes:
        version: 1 (nothing is compressed) or 2.
        id: 64 hex digits, random, for life.
        chunker_polynomial: Hex; stock restic cuts files by it. We cut by other means, which any
            reader accepts, but leave one for it to find.
    """

    version: int
    id: str
    chunker_polynomial: str

    @classmethod
    def generate(cls, version: int = NEWEST_VERSION) -> "RepositoryConfig":
        """A new identity."""
        polynomial = f"{random_polynomial():x}"
        return cls(version=version, id=os.urandom(32).hex(), chunker_polynomial=polynomial)


def encode_config(config: RepositoryConfig) -> bytes:
    """The JSON that is sealed; `config` is never compressed."""
    document = {
        "version": config.version,
        "id": config.id,
        "chunker_polynomial": config.chunker_polynomial,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decode_config(document: bytes) -> RepositoryConfig:
    """Read it back, strictly.

    Raises:
        RepositoryDamaged: fields are missing or malformed.
        UnsupportedRepository: a version that we do not know.
    """
    try:
        fields = json.loads(document)
        version, id_, polynomial = (
            fields[name] for name in ("version", "id", "chunker_polynomial")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RepositoryDamaged("The repository's config is not readable.") from error
    if version not in KNOWN_VERSIONS or isinstance(version, bool):
        raise UnsupportedRepository(
            f"The repository has format version {version!r}.",
            hint="Upgrade Lapseguard; it knows the versions 1 and 2.",
        )
    _check_text(id_, _ID)
    _check_text(polynomial, _POLYNOMIAL)
    return RepositoryConfig(version=version, id=id_, chunker_polynomial=polynomial)


def _check_text(value: object, shape: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise RepositoryDamaged("The repository's config has a malformed field.")


def has_config(store: ObjectStore) -> bool:
    """Whether there is a repository."""
    try:
        store.stat(CONFIG_KEY)
    except ObjectMissing:
        return False
    return True


def save_config(store: ObjectStore, master: MasterKey, config: RepositoryConfig) -> None:
    """Seal and store it."""
    store.put(CONFIG_KEY, master.seal(encode_config(config)))


def load_config(store: ObjectStore, master: MasterKey) -> RepositoryConfig:
    """Fetch and open it.

    Raises:
        RepositoryMissing: there is none.
        RepositoryDamaged: altered, or of another repository than the key.
    """
    try:
        sealed = store.get(CONFIG_KEY)
    except ObjectMissing as error:
        raise RepositoryMissing(f"There is no repository at {store.url}.") from error
    return decode_config(master.open(sealed))
