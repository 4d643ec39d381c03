"""Looking an installation over: everything that a backup will need, found out beforehand."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from backends.errors import BackendError
from backends.rsync.version import require_local_rsync
from backends.signing import SigningKey
from daemon.domain.finding import Finding, Severity
from daemon.errors import LapseguardError, SecretError, code_for, hint_for
from daemon.secrets import SecretSource
from daemon.settings import Configuration, masked_url
from daemon.settings.problems import STORE_SECRETS
from daemon.store.schema import HEAD, ensure_current

#: Looks at one thing: what to say of it, and a warning or an empty text.
_Look = Callable[[], tuple[str, str]]


def inspect_installation(
    configuration: Configuration, open_database: Callable[[Configuration], Engine]
) -> tuple[Finding, ...]:
    """Look at the settings, the state folder, the keys, rsync, the database and all secrets.

    Nothing is sent over the network, except to the database.

    Args:
        configuration: Settings that were found to be right in themselves.
        open_database: Opens the database that they name.
    """
    looks: list[tuple[str, _Look]] = [
        ("settings", lambda: (", ".join(map(str, configuration.files)), "")),
        ("state folder", lambda: _look_at_state(configuration)),
        ("SSH key", lambda: _look_at_ssh_key(configuration.state_folder.ssh_identity)),
        ("signing key", lambda: _look_at_signing_key(configuration.state_folder.signing_key)),
        ("rsync", _look_at_rsync),
        ("database", lambda: _look_at_database(configuration, open_database)),
        ("stores", lambda: _look_at_stores(configuration)),
    ]
    return (
        *(_finding(subject, look) for subject, look in looks),
        *_secret_findings(configuration),
    )


def _finding(subject: str, look: _Look) -> Finding:
    try:
        message, warning = look()
    except (LapseguardError, BackendError) as error:
        return Finding(
            severity=Severity.ERROR,
            subject=subject,
            message=str(error),
            hint=hint_for(error),
            code=code_for(error),
        )
    if warning:
        return Finding(severity=Severity.WARNING, subject=subject, message=message, hint=warning)
    return Finding(severity=Severity.OK, subject=subject, message=message)


def _look_at_state(configuration: Configuration) -> tuple[str, str]:
    folder = configuration.state_folder
    folder.require_usable()
    warning = "" if folder.is_private else f"It is open to others; run: chmod 700 {folder.root}"
    return str(folder.root), warning


def _look_at_ssh_key(identity: Path) -> tuple[str, str]:
    if identity.is_file():
        return str(identity), ""
    return (
        f"There is no {identity}.",
        "Servers need an --identity of their own; `lapseguard init` makes a key for all.",
    )


def _look_at_signing_key(path: Path) -> tuple[str, str]:
    return f"{path}, public half {SigningKey.load(path).public_text}", ""


def _look_at_rsync() -> tuple[str, str]:
    version = require_local_rsync()
    return f"rsync {version}", version.advice or ""


def _look_at_database(
    configuration: Configuration, open_database: Callable[[Configuration], Engine]
) -> tuple[str, str]:
    engine = open_database(configuration)
    try:
        ensure_current(engine)
    finally:
        engine.dispose()
    return f"{masked_url(configuration.settings.daemon.database)}, revision {HEAD}", ""


def _look_at_stores(configuration: Configuration) -> tuple[str, str]:
    stores = configuration.settings.stores
    if not stores:
        return "None is named.", "Add a [stores.NAME] table; without one nothing can be saved."
    name, _ = configuration.store()
    return f"{', '.join(sorted(stores))}; default {name}", ""


def _secret_findings(configuration: Configuration) -> Iterator[Finding]:
    for store in sorted(configuration.settings.stores):
        for name in STORE_SECRETS:
            source = configuration.store_secret(store, name)
            if source is not None:
                yield _finding(f"stores.{store}.{name}", partial(_look_at_secret, source))
            elif name == "repository_password":
                yield _finding(f"stores.{store}.{name}", partial(_miss_password, store))


def _look_at_secret(source: SecretSource) -> tuple[str, str]:
    source.read()
    return f"readable: {source.origin}", ""


def _miss_password(store: str) -> tuple[str, str]:
    raise SecretError(
        "There is no repository password.",
        hint=f"Set `repository_password_file` under [stores.{store}].",
    )
