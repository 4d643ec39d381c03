"""Making a new installation: folders, keys and passwords, each only where there is none yet."""

import json
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from backends.signing import SigningKey
from daemon.errors import StateFolderUnusable
from daemon.settings import Configuration, masked_url
from daemon.state_folder import StateFolder
from daemon.store.migration import upgrade

_PASSWORD_BYTES: Final = 32
_PRIVATE_FOLDER: Final = 0o700
_SECRET_MODE: Final = 0o600
_SETTINGS_MODE: Final = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSettings:
    """What a first settings file says; everything else keeps its default.

    Attributes:
        state_dir: The state folder.
        database: URL, or None for SQLite in the state folder.
        store_url: Of the store `main`; None leaves the stores to be filled in by hand.
        endpoint: S3 endpoint.
        region: S3 region.
        access_key_id_file: File with the S3 access key.
        secret_access_key_file: File with the S3 secret key.
    """

    state_dir: Path
    database: str | None = None
    store_url: str | None = None
    endpoint: str | None = None
    region: str | None = None
    access_key_id_file: Path | None = None
    secret_access_key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to bring about.

    Attributes:
        what: For people, e.g. `SSH key`.
        place: The file or folder.
        done: It is there already and stays as it is.
        perform: Brings it about.
    """

    what: str
    place: str
    done: bool
    perform: Callable[[], None]


def settings_text(new: NewSettings) -> str:
    """The text of a first settings file."""
    folder = StateFolder(root=new.state_dir)
    lines = ["# Checked by `lapseguard config validate`; every name: `lapseguard config schema`."]
    lines += ["", "[daemon]", _line("state_dir", new.state_dir)]
    lines.append(_line("database", new.database or f"sqlite:///{folder.database}"))
    store = [
        _line("url", new.store_url or "s3://bucket/prefix"),
        *(
            _line(name, value)
            for name, value in (
                ("endpoint", new.endpoint),
                ("region", new.region),
                ("access_key_id_file", new.access_key_id_file),
                ("secret_access_key_file", new.secret_access_key_file),
            )
            if value is not None
        ),
        _line("repository_password_file", folder.repository_password),
    ]
    section = ["[stores.main]", *store, "", "[defaults]", _line("store", "main")]
    if new.store_url is None:
        section = ["# Name a store before the first backup:", *(f"# {line}" for line in section)]
    return "\n".join([*lines, "", *section, ""])


def settings_step(file: Path, new: NewSettings) -> Step:
    """Writing the settings file."""

    def write() -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        secret = bool(urlsplit(new.database or "").password)
        mode = _SECRET_MODE if secret else _SETTINGS_MODE
        _write_new(file, settings_text(new).encode(), mode)

    return Step(what="settings", place=str(file), done=file.exists(), perform=write)


def state_steps(folder: StateFolder) -> tuple[Step, ...]:
    """Everything inside the state folder but the database, in the order it is made."""
    folders = (folder.root, folder.ssh_identity.parent, folder.repository_password.parent)
    return (
        *(_folder_step(path) for path in (*folders, folder.staging)),
        _file_step("SSH key", folder.ssh_identity, lambda: _make_ssh_key(folder.ssh_identity)),
        _file_step(
            "repository password",
            folder.repository_password,
            lambda: _make_password(folder.repository_password),
        ),
        _file_step(
            "manifest signing key",
            folder.signing_key,
            lambda: SigningKey.generate().save(folder.signing_key),
        ),
    )


def database_step(configuration: Configuration, password: Callable[[], str | None]) -> Step:
    """Creating the database's tables, or bringing them up to date.

    Args:
        configuration: Names the database.
        password: Reads its password, if it has one.
    """
    url = configuration.settings.daemon.database

    def make() -> None:
        upgrade(url, password=password())

    return Step(what="database", place=masked_url(url), done=False, perform=make)


def perform(step: Step) -> None:
    """Do what is not done yet.

    Raises:
        StateFolderUnusable: the file or folder cannot be made.
        DatabaseError, BackendError: what the step itself raises.
    """
    if step.done:
        return
    try:
        step.perform()
    except OSError as error:
        raise StateFolderUnusable(
            f"The {step.what} {step.place} cannot be made: {error.strerror}.",
            hint="Run as a user that may write there, or choose another place.",
        ) from error


def public_key_line(identity: Path) -> str:
    """The public half of the SSH key, as it goes into authorized_keys.

    Raises:
        StateFolderUnusable: the private key cannot be read, or is none that we made.
    """
    try:
        key = load_ssh_private_key(identity.read_bytes(), password=None)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise StateFolderUnusable(
            f"The SSH key {identity} cannot be used.",
            hint="Move it away and run `lapseguard init` again; servers then need the new key.",
        ) from error
    return _public_line(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))


def restricted_key_line(identity: Path) -> str:
    """The same, allowing nothing but reading files through rsync."""
    return f'restrict,command="rrsync -ro /" {public_key_line(identity)}'


def _line(name: str, value: object) -> str:
    # A JSON string is a TOML basic string.
    return f"{name} = {json.dumps(str(value), ensure_ascii=False)}"


def _folder_step(path: Path) -> Step:
    def make() -> None:
        path.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        path.chmod(_PRIVATE_FOLDER)

    private = path.is_dir() and not path.stat().st_mode & 0o077
    return Step(what="private folder", place=str(path), done=private, perform=make)


def _file_step(what: str, path: Path, make: Callable[[], None]) -> Step:
    return Step(what=what, place=str(path), done=path.exists(), perform=make)


def _make_ssh_key(identity: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    identity.with_suffix(".pub").write_text(_public_line(public) + "\n", encoding="ascii")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    _write_new(identity, private, _SECRET_MODE)


def _public_line(public: bytes) -> str:
    return f"{public.decode()} lapseguard@{socket.gethostname()}"


def _make_password(path: Path) -> None:
    _write_new(path, secrets.token_urlsafe(_PASSWORD_BYTES).encode() + b"\n", _SECRET_MODE)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist yet, durably."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Linking, unlike renaming, never replaces what somebody else made meanwhile.
        path.hardlink_to(unfinished)
    finally:
        unfinished.unlink()
