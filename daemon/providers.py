"""Builds what provider snapshots are made with; beside `bootstrap`, it names concrete backends."""

import os
from typing import TYPE_CHECKING

from daemon.domain.machine import COMMAND, ProviderMachine

if TYPE_CHECKING:
    from backends.provider.snapshot import ProviderSnapshots
    from daemon.bootstrap import Application
    from daemon.services.provider_making import ProviderTools
    from daemon.services.provider_records import ProviderRecords


def provider_tools(application: "Application") -> "ProviderTools":
    """What provider snapshots are made with."""
    from daemon.services.ownership import name_owner  # noqa: PLC0415 - only where they are made
    from daemon.services.provider_making import ProviderTools  # noqa: PLC0415 - likewise

    return ProviderTools(
        units=application.units,
        clock=application.clock,
        random=os.urandom,
        owner=name_owner(os.urandom),
        open=open_provider,
    )


def provider_records(application: "Application") -> "ProviderRecords":
    """What is on record of provider snapshots."""
    from daemon.services.provider_records import ProviderRecords  # noqa: PLC0415 - if used

    return ProviderRecords(application.units)


def open_provider(machine: ProviderMachine) -> "ProviderSnapshots":
    """The interface that a machine's disks are copied by.

    Raises:
        ProviderError: it cannot be used as the record says.
    """
    if machine.kind == COMMAND:
        from backends.provider.command import CommandSnapshots  # noqa: PLC0415 - only if used

        return CommandSnapshots(
            creating=machine.create, finding=machine.find, deleting=machine.delete
        )
    from backends.provider.ebs_client import open_ebs  # noqa: PLC0415 - loads boto3

    return open_ebs(machine.region or "", machine.profile)
