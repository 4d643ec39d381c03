"""An opened repository: where it is, its key, its config."""

from dataclasses import dataclass, field
from typing import Self

from backends.errors import RepositoryDamaged, RepositoryExists, RepositoryMissing, WrongPassword
from backends.protocols import ObjectStore
from backends.repository.config import RepositoryConfig, has_config, load_config, save_config
from backends.repository.crypto import MasterKey
from backends.repository.index import Index, load_index
from backends.repository.key_ahead import KeyAhead
from backends.repository.keys import FoundKey, create_key, find_key, has_keys
from backends.repository.scrypt import DEFAULT_COST, ScryptCost


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One restic-format repository, opened.

    Attributes:
        store: Rooted at the repository.
        master: Seals and opens everything in it.
        config: Its version and id.
        key_id: The key file that the password opened.
    """

    store: ObjectStore = field(repr=False)
    master: MasterKey = field(repr=False)
    config: RepositoryConfig
    key_id: str

    @property
    def id(self) -> str:
        """64 hex digits that never change."""
        return self.config.id

    @classmethod
    def open(cls, store: ObjectStore, password: str, ahead: KeyAhead | None = None) -> Self:
        """Open an existing repository of version 1 or 2; `ahead` may save deriving its key.

        Raises:
            RepositoryMissing: there is none.
            WrongPassword: no key file opens with this password.
            RepositoryDamaged, UnsupportedRepository: its config is not usable.
        """
        if not has_config(store):
            raise RepositoryMissing(f"There is no repository at {store.url}.")
        found = find_key(store, password, ahead)
        config = load_config(store, found.master)
        return cls(store=store, master=found.master, config=config, key_id=found.id)

    @classmethod
    def create(
        cls,
        store: ObjectStore,
        password: str,
        *,
        cost: ScryptCost = DEFAULT_COST,
        ahead: KeyAhead | None = None,
    ) -> Self:
        """Make a new repository of version 2; `ahead` is to derive its key the next time.

        A creation that broke off before the config was stored is completed with the same password.

        Raises:
            RepositoryExists: there is one already.
            RepositoryDamaged: there are foreign key files but no config.
        """
        if has_config(store):
            raise RepositoryExists(f"There is a repository at {store.url} already.")
        found = _first_key(store, password, cost, ahead)
        config = RepositoryConfig.generate()
        save_config(store, found.master, config)
        return cls(store=store, master=found.master, config=config, key_id=found.id)

    def load_index(self) -> Index:
        """See `index.load_index`."""
        return load_index(self)


def _first_key(
    store: ObjectStore, password: str, cost: ScryptCost, ahead: KeyAhead | None
) -> FoundKey:
    if not has_keys(store):
        master = MasterKey.generate()
        key_id = create_key(store, master, password, cost=cost, ahead=ahead)
        return FoundKey(id=key_id, master=master)
    try:
        return find_key(store, password, ahead)
    except WrongPassword as error:
        raise RepositoryDamaged(
            f"There are key files at {store.url} that this password does not open, but no config.",
            hint="Use an empty place, or restore the object `config` of the repository there.",
        ) from error
