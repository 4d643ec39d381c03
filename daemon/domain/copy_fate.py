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
        sentence: The same in words, with the reason.
    """

    shared: bool
    sentence: str


def fate_of(copy: ProviderCopy, bills: Iterable[Bill]) -> CopyFate:
    """Where a copy lives, held against what pays for its server.

    Copies of EBS volumes are always in the account of the instance. An account that is not known
    counts as the same.

    Args:
        copy: Any.
        bills: Of the active contracts that name the server.
    """
    known = tuple(bills)
    if copy.account is None or copy.kind != COMMAND:
        return _shared("it is in the account of the server itself")
    if not known:
        return _shared("nothing says to whom the server is billed")
    for bill in known:
        if bill.account is None:
            return _shared(f"nothing says that the account of {bill.contract} is another one")
        if bill.account.casefold() == copy.account.casefold():
            return _shared(f"it is in {bill.account}, as {bill.contract} is")
    return CopyFate(
        shared=False,
        sentence=f"It is in the account {copy.account}, which the server is not billed to.",
    )


def _shared(why: str) -> CopyFate:
    return CopyFate(shared=True, sentence=f"It dies with the account: {why}.")
