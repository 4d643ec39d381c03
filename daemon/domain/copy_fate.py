"""Whether a provider copy would perish together with the server that it was made of."""

from collections.abc import Iterable
from dataclasses import dataclass

from daemon.domain.machine import COMMAND
from daemon.domain.provider_copy import ProviderCopy


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a server is paid by.

    Attributes:
        contract: Name of an active contract.
        account: Billed to; None where it is not known.
    """

    contract: str
    account: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFate:
    """The end of a copy.

    Attributes:
        shared: Whether what ends the server's account ends the copy.
        why: How that is known, as a clause.
    """

    shared: bool
    why: str

    @property
    def sentence(self) -> str:
        """It, in words."""
        end = "dies with" if self.shared else "outlives"
        return f"It {end} the server's account: {self.why}."


def fate_of(copy: ProviderCopy, bills: Iterable[Bill]) -> CopyFate:
    """Where a copy lives, held against what pays for its server.

    Copies of EBS volumes are always in the account of the instance, whatever the record calls it.
    An account that is not known counts as the same.

    Args:
        copy: Any.
        bills: Of the active contracts that name the server.
    """
    known = tuple(bills)
    if copy.account is None or copy.kind != COMMAND:
        return CopyFate(shared=True, why="it is in that account itself")
    if not known:
        return CopyFate(shared=True, why="nothing says which account that is")
    for bill in known:
        if bill.account is None:
            return CopyFate(
                shared=True, why=f"nothing says that the contract {bill.contract} has another one"
            )
        if bill.account.casefold() == copy.account.casefold():
            return CopyFate(
                shared=True,
                why=f"the contract {bill.contract} is billed to {bill.account}, where it is",
            )
    return CopyFate(shared=False, why=f"it is in the account {copy.account}")
