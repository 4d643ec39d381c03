"""What a person says of a contract, what is recorded of it, and what it means."""

from dataclasses import dataclass
from datetime import date, datetime

from daemon.domain.acknowledgement import Acknowledgement
from daemon.domain.contract import Contract, Expiry, Renewal
from daemon.domain.life import life_of
from daemon.domain.outlook import Life
from daemon.domain.phase import Course
from daemon.domain.preset import ANY_PROVIDER, Preset
from daemon.domain.provider import same_provider
from daemon.presets.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContract:
    """What a person says of a contract; see `Contract`."""

    name: str
    provider: str
    servers: tuple[str, ...] = ()
    expiry: Expiry
    reference: str | None = None
    account: str | None = None
    stores: tuple[str, ...] = ()
    subject: str | None = None
    preset: str | None = None
    course: Course | None = None
    labels: tuple[str, ...] = ()

    def at(self, created_at: datetime) -> Contract:
        """The contract that is recorded at that instant."""
        return Contract(
            name=self.name,
            provider=self.provider,
            reference=self.reference,
            account=self.account,
            servers=self.servers,
            stores=self.stores,
            subject=self.subject,
            expiry=self.expiry,
            preset=self.preset,
            course=self.course,
            labels=self.labels,
            created_at=created_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """What one contract means.

    Attributes:
        contract: The contract.
        life: Its phases, and what is uncertain about them.
        preset: The provider's facts, where it names some that are known.
        suggestions: Presets of its provider, where it says nothing about what follows its expiry.
    """

    contract: Contract
    life: Life
    preset: Preset | None
    suggestions: tuple[str, ...]

    @property
    def foreign(self) -> bool:
        """Whether the preset is about another provider: perhaps a slip."""
        if self.preset is None or self.preset.provider == ANY_PROVIDER:
            return False
        return not same_provider(self.preset.provider, self.contract.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRecord:
    """Everything that is recorded about one contract.

    Attributes:
        facts: The contract and what it means.
        renewals: Oldest first.
        acknowledgements: Oldest first; those about an earlier expiry, too.
    """

    facts: ContractFacts
    renewals: tuple[Renewal, ...]
    acknowledgements: tuple[Acknowledgement, ...]


def facts_of(contract: Contract, catalogue: Catalogue, today: date) -> ContractFacts:
    """What a contract means by what is known of its provider today."""
    silent = contract.preset is None and contract.course is None
    fitting = catalogue.of_provider(contract.provider) if silent else ()
    preset = catalogue.find(contract.preset)
    return ContractFacts(
        contract=contract,
        life=life_of(contract, preset, today=today),
        preset=preset,
        suggestions=tuple(each.name for each in fitting),
    )
