"""Whether a store would perish together with a server that is saved to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from daemon.domain.instant import write_second
from daemon.domain.outlook import Life
from daemon.domain.provider import same_provider


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFate:
    """Whose a store is.

    Attributes:
        name: The store's name in the settings.
        provider: Who runs it; None where the settings do not say.
        account: Billed to; None where the settings do not say.
    """

    name: str
    provider: str | None = None
    account: str | None = None


def shared_fate(
    store: StoreFate, lives: Iterable[Life], store_lives: Iterable[Life] = ()
) -> tuple[str, ...]:
    """Why the store would perish with the server, a sentence each; none where it would not.

    Args:
        store: Where the server is saved to.
        lives: The active contracts that name the server.
        store_lives: The active contracts that name the store.
    """
    servers, stores = tuple(lives), tuple(store_lives)
    reasons = [
        *(_same_account(store, life) for life in servers if _pays_with(store, life)),
        *_same_contract(store, servers, stores),
        *_gone_first(store, servers, stores),
    ]
    return tuple(dict.fromkeys(reasons))


def _pays_with(store: StoreFate, life: Life) -> bool:
    """Whether one unpaid bill could end both; an account that is not known counts as the same."""
    if store.provider is None or not same_provider(store.provider, life.provider):
        return False
    if store.account is None or life.account is None:
        return True
    return store.account.casefold() == life.account.casefold()


def _same_account(store: StoreFate, life: Life) -> str:
    both = f"The store {store.name} and the contract {life.contract} are both with {life.provider}"
    if store.account is None or life.account is None:
        return f"{both}, and nothing says that their accounts differ."
    return f"{both}, on the account {life.account}."


def _same_contract(
    store: StoreFate, lives: Iterable[Life], store_lives: Iterable[Life]
) -> Iterator[str]:
    shared = {life.contract for life in store_lives}
    for life in lives:
        if life.contract in shared:
            yield f"The contract {life.contract} keeps the store {store.name} alive as well."


def _gone_first(
    store: StoreFate, lives: tuple[Life, ...], store_lives: tuple[Life, ...]
) -> Iterator[str]:
    """Other contracts of the store that end no later than the first end of the server."""
    release = min((_release_at(life) for life in lives), default=None)
    shared = {life.contract for life in lives}
    for life in store_lives:
        gone = _release_at(life)
        if release is not None and gone <= release and life.contract not in shared:
            yield (
                f"The store {store.name} may be destroyed at {write_second(gone)} by the contract "
                f"{life.contract}, no later than the server at {write_second(release)}."
            )


def _release_at(life: Life) -> datetime:
    return life.timeline.release_at
