"""Key files: each holds the master key, locked by one password.

`keys/<sha256 of the file>` is plain JSON as restic writes it; only its `data` is sealed.
"""

import base64
import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from backends.errors import ObjectMissing, RepositoryDamaged, RepositoryError, WrongPassword
from backends.protocols import ObjectStore
from backends.repository.crypto import MasterKey
from backends.repository.gotime import format_instant, parse_instant, utc_now
from backends.repository.key_ahead import KeyAhead
from backends.repository.scrypt import DEFAULT_COST, SALT_SIZE, ScryptCost, derive_key

KEYS: Final = "keys/"
#: Each try costs up to seconds of CPU, and whoever can write to the store can add key files.
#: Stock restic tries as many.
_MOST_TRIED: Final = 20
_LONGEST_FILE: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """One password's key file, still locked.

    Attributes:
        id: SHA-256 of the file in hex; its name.
        created: When, as its maker's clock said.
        username: Who made it; informational, not authenticated.
        hostname: Where; likewise.
        cost: What deriving its key takes.
        salt: 64 random bytes.
        data: The sealed master key.
    """

    id: str
    created: datetime
    username: str
    hostname: str
    cost: ScryptCost
    salt: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKey:
    """The key file that a password opened, and what was in it."""

    id: str
    master: MasterKey


def create_key(
    store: ObjectStore,
    master: MasterKey,
    password: str,
    *,
    username: str | None = None,
    hostname: str | None = None,
    created: datetime | None = None,
    cost: ScryptCost = DEFAULT_COST,
    ahead: KeyAhead | None = None,
) -> str:
    """Add a password to the repository; returns the new key file's id.

    Args:
        store: The repository's.
        master: The key to lock.
        password: To lock it with.
        username: See `KeyFile`; by default this account.
        hostname: Likewise; by default this host.
        created: Likewise; by default now.
        cost: What deriving from the password is to take.
        ahead: Is to derive it the next time.

    Raises:
        WrongPassword: the password is empty.
    """
    if not password:
        raise WrongPassword("The repository password is empty.", hint="Choose a long random one.")
    salt = os.urandom(SALT_SIZE)
    sealed = derive_key(password, salt, cost).seal(_encode_master(master))
    document = {
        "created": format_instant(created or utc_now()),
        "username": current_user() if username is None else username,
        "hostname": socket.gethostname() if hostname is None else hostname,
        "kdf": "scrypt",
        "N": cost.n,
        "r": cost.r,
        "p": cost.p,
        "salt": _to_base64(salt),
        "data": _to_base64(sealed),
    }
    content = json.dumps(document, separators=(",", ":")).encode()
    key_id = hashlib.sha256(content).hexdigest()
    store.put(KEYS + key_id, content)
    if ahead is not None:
        ahead.keep(salt, cost)
    return key_id


def open_master_key(store: ObjectStore, password: str) -> MasterKey:
    """The master key, by trying the password on every key file.

    Raises:
        WrongPassword: it opens none.
    """
    return find_key(store, password).master


def find_key(store: ObjectStore, password: str, ahead: KeyAhead | None = None) -> FoundKey:
    """Likewise, with the id of the key file that it opened.

    Args:
        store: The repository's.
        password: To try.
        ahead: What may have been derived from it already.

    Raises:
        WrongPassword: it opens none; the message counts key files that are not usable.
    """
    unusable = 0
    for key_id in islice(_key_ids(store), _MOST_TRIED):
        try:
            key = load_key(store, key_id)
            return FoundKey(id=key_id, master=_open_key(key, password, ahead))
        except WrongPassword:
            continue
        except (RepositoryDamaged, ObjectMissing):
            # Another key file may still be sound; a planted one must not lock the owner out.
            unusable += 1
    note = f" ({unusable} key files are damaged or absurd)" if unusable else ""
    raise WrongPassword(f"No key of the repository opens with this password{note}.")


def has_keys(store: ObjectStore) -> bool:
    """Whether there is any key file."""
    return any(True for _ in store.list(KEYS))


def list_keys(store: ObjectStore) -> tuple[KeyFile, ...]:
    """Every readable key file, by id.

    Raises:
        RepositoryDamaged: one of them is not a key file.
    """
    return tuple(load_key(store, key_id) for key_id in _key_ids(store))


def remove_key(store: ObjectStore, key_id: str, *, in_use: str) -> None:
    """Take a password away.

    It stays able to decrypt what was copied before: the master key does not change.

    Args:
        store: The repository's.
        key_id: The key file to remove.
        in_use: The key file that the caller opened the repository with, never removed.

    Raises:
        RepositoryError: it is the one in use.
        ObjectMissing: there is no such key file.
    """
    if key_id == in_use:
        raise RepositoryError(
            "This key is the one in use.", hint="Open the repository with another password first."
        )
    store.stat(KEYS + key_id)
    store.delete(KEYS + key_id)


def load_key(store: ObjectStore, key_id: str) -> KeyFile:
    """Read one key file.

    Raises:
        ObjectMissing: no such key file.
        RepositoryDamaged: it is not what its name says, malformed, or absurdly dear to open.
    """
    content = store.get(KEYS + key_id)
    if hashlib.sha256(content).hexdigest() != key_id:
        raise RepositoryDamaged(f"Key file {key_id[:8]} does not have the checksum in its name.")
    try:
        return _decode_key(key_id, json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise RepositoryDamaged(f"Key file {key_id[:8]} is malformed.") from error


def _decode_key(key_id: str, fields: dict[str, Any]) -> KeyFile:
    if fields["kdf"] != "scrypt":
        raise RepositoryDamaged(f"Key file {key_id[:8]} needs an unknown key derivation.")
    return KeyFile(
        id=key_id,
        created=parse_instant(fields["created"]),
        username=str(fields["username"]),
        hostname=str(fields["hostname"]),
        cost=ScryptCost(n=int(fields["N"]), r=int(fields["r"]), p=int(fields["p"])),
        salt=base64.b64decode(fields["salt"], validate=True),
        data=base64.b64decode(fields["data"], validate=True),
    )


def _open_key(key: KeyFile, password: str, ahead: KeyAhead | None) -> MasterKey:
    derived = ahead.find(key.salt, key.cost) if ahead else None
    user = MasterKey.from_derived(derived) if derived else derive_key(password, key.salt, key.cost)
    try:
        document = user.open(key.data)
    except RepositoryDamaged as error:
        # A wrong password and an altered key file look the same by design.
        raise WrongPassword(f"Key file {key.id[:8]} does not open.") from error
    if ahead is not None:
        ahead.keep(key.salt, key.cost)
    return _decode_master(document)


def _encode_master(master: MasterKey) -> bytes:
    mac = {"k": _to_base64(master.mac_k), "r": _to_base64(master.mac_r)}
    document = {"mac": mac, "encrypt": _to_base64(master.encrypt)}
    return json.dumps(document, separators=(",", ":")).encode()


def _decode_master(document: bytes) -> MasterKey:
    try:
        fields = json.loads(document)
        mac = fields["mac"]
        return MasterKey(
            encrypt=base64.b64decode(fields["encrypt"], validate=True),
            mac_k=base64.b64decode(mac["k"], validate=True),
            mac_r=base64.b64decode(mac["r"], validate=True),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RepositoryDamaged("The master key is malformed.") from error


def _key_ids(store: ObjectStore) -> Iterator[str]:
    # Restic's key files have about 450 bytes; a huge object is not worth fetching.
    infos = (info for info in store.list(KEYS) if info.size <= _LONGEST_FILE)
    return (info.key.removeprefix(KEYS) for info in infos)


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def current_user() -> str:
    """The name of the account that runs this, or nothing where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # The account has no name; the field is informational.
        return ""
