"""What asking a provider for a snapshot would do, without asking it for anything."""

from dataclasses import dataclass

from daemon.domain.machine import ProviderMachine
from daemon.domain.phase import Phase
from daemon.domain.provider_copy import ProviderCopy, ProviderStanding
from daemon.services.planning import Planning
from daemon.services.provider_making import require_machine
from daemon.services.units import Units


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPreview:
    """One provider snapshot to come.

    Attributes:
        server: Its name.
        machine: What the provider calls it.
        phase: The one that holds now; None without a contract.
        under_way: One that would be gone on with instead.
        newest: The newest complete one.
    """

    server: str
    machine: ProviderMachine
    phase: Phase | None
    under_way: ProviderCopy | None
    newest: ProviderCopy | None


def preview_copy(units: Units, planning: Planning, name: str) -> CopyPreview:
    """Describe what `begin_copy` would do now.

    Raises:
        NotFound, UsageError: see there.
    """
    with units(read_only=True) as work:
        machine = require_machine(work.servers.get(name))
        now, outlooks = work.now(), planning.read(work)
    (outlook,) = (each for each in outlooks if each.server == name)
    standing = outlook.provider or ProviderStanding(can_copy=True)
    attempt = standing.attempt
    return CopyPreview(
        server=name,
        machine=machine,
        phase=None if outlook.life is None else outlook.life.timeline.phase(now),
        under_way=attempt if attempt is not None and attempt.is_creating else None,
        newest=standing.newest,
    )
