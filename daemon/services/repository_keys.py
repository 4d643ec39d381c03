"""The passwords of a repository: each has a key file of its own."""

from dataclasses import dataclass

from backends.errors import RepositoryDamaged, RepositoryError
from backends.repository.keys import KEYS, KeyFile, create_key, load_key, remove_key
from backends.repository.lock import hold_lock
from backends.repository.repository import Repository
from daemon.errors import NotFound, UsageError
from daemon.secrets import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """One key file.

    Attributes:
        id: 64 hex digits.
        current: The password that was given opens this one.
        file: What it says of itself, or None where it is damaged.
    """

    id: str
    current: bool
    file: KeyFile | None


def list_key_files(repository: Repository) -> tuple[ListedKey, ...]:
    """Every key file, damaged ones too, by id. Raises StoreError."""
    return tuple(
        ListedKey(
            id=key_id, current=key_id == repository.key_id, file=_load_or_none(repository, key_id)
        )
        for key_id in _key_ids(repository)
    )


def add_password(repository: Repository, password: Secret) -> str:
    """Let one more password open the repository; returns its key file's id.

    Raises:
        RepositoryLocked, StoreError: it could not be stored.
    """
    with hold_lock(repository):
        return create_key(repository.store, repository.master, password.reveal())


def find_key_file(repository: Repository, wanted: str) -> str:
    """The id of the key file that may be removed.

    Args:
        repository: Opened with another one.
        wanted: The beginning of its id.

    Raises:
        NotFound: none begins so. UsageError: several do.
        RepositoryError: it is the only one, or the one in use.
    """
    known = _key_ids(repository)
    fitting = [key_id for key_id in known if wanted and key_id.startswith(wanted)]
    hint = "List them with `lapseguard repository keys list`."
    if not fitting:
        raise NotFound(f"The repository has no key that begins with {wanted!r}.", hint=hint)
    if len(fitting) > 1:
        raise UsageError(f"{len(fitting)} keys begin with {wanted!r}.", hint=hint)
    if fitting == known:
        raise RepositoryError(
            "This is the only key; without it nobody could open the repository.",
            hint="Add another password first: `lapseguard repository keys add`.",
        )
    if fitting[0] == repository.key_id:
        raise RepositoryError(
            "This key is the one that the password given opens.",
            hint="Give another of the repository's passwords with --password-file.",
        )
    return fitting[0]


def remove_password(repository: Repository, key_id: str) -> None:
    """Take a key file away; `find_key_file` has found it.

    Raises:
        RepositoryLocked: somebody else is at work in the repository.
        RepositoryError, StoreError: it was not removed.
    """
    with hold_lock(repository, exclusive=True):
        if repository.key_id not in _key_ids(repository):
            # Somebody was removing ours meanwhile: together we could have left none.
            raise RepositoryError(
                "The key of the password given was removed meanwhile; nothing more is removed.",
                hint="Open the repository with a password that is left, and look at its keys.",
            )
        remove_key(repository.store, key_id, in_use=repository.key_id)


def _key_ids(repository: Repository) -> list[str]:
    return [info.key.removeprefix(KEYS) for info in repository.store.list(KEYS)]


def _load_or_none(repository: Repository, key_id: str) -> KeyFile | None:
    try:
        return load_key(repository.store, key_id)
    except RepositoryDamaged:
        return None  # shown as damaged, so that it can be removed
