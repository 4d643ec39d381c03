"""AWS EBS: one multi-volume set of snapshots for all disks of an EC2 instance.

`CreateSnapshots` takes all volumes at one moment (crash-consistent); the calls and states are
those of the EC2 API of 2016-11-15. Each snapshot carries the tag `lapseguard-run`, by which a set
is found again, so that a run that crashed does not pay for a second one. The set lives in the
account of the instance: whatever ends that account ends both.
"""

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Final

from backends.provider.ebs_errors import FAILURES, provider_failure
from backends.provider.snapshot import (
    ProviderSnapshot,
    SnapshotState,
    VolumeCopy,
    check_run,
)

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import SnapshotInfoTypeDef, SnapshotTypeDef

KIND: Final = "ebs"
RUN_TAG: Final = "lapseguard-run"
MACHINE_TAG: Final = "lapseguard-instance"
_GIB: Final = 1 << 30
_STATES: Final = {
    "completed": SnapshotState.COMPLETED,
    "error": SnapshotState.FAILED,
    "recoverable": SnapshotState.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EbsSnapshots:
    """See `ProviderSnapshots`.

    Attributes:
        client: Of EC2, in the instance's region.
    """

    client: "EC2Client"
    kind: str = KIND

    def create(self, machine: str, run: str) -> ProviderSnapshot:
        """See `ProviderSnapshots.create`."""
        if (known := self.find(run)) is not None:
            return known
        tags = ((RUN_TAG, run), (MACHINE_TAG, machine))
        try:
            made = self.client.create_snapshots(
                InstanceSpecification={"InstanceId": machine, "ExcludeBootVolume": False},
                Description=f"Lapseguard, run {run}",
                CopyTagsFromSource="volume",
                TagSpecifications=[
                    {
                        "ResourceType": "snapshot",
                        "Tags": [{"Key": key, "Value": value} for key, value in tags],
                    }
                ],
            )["Snapshots"]
        except FAILURES as error:
            raise provider_failure(error) from error
        return ProviderSnapshot(run=run, machine=machine, copies=tuple(map(_copy, made)))

    def find(self, run: str) -> ProviderSnapshot | None:
        """See `ProviderSnapshots.find`."""
        found = self._describe(run)
        if not found:
            return None
        machine = next(
            (tag["Value"] for tag in found[0].get("Tags", []) if tag["Key"] == MACHINE_TAG), ""
        )
        return ProviderSnapshot(run=run, machine=machine, copies=tuple(map(_copy, found)))

    def delete(self, run: str) -> None:
        """See `ProviderSnapshots.delete`."""
        for found in self._describe(run):
            try:
                self.client.delete_snapshot(SnapshotId=found["SnapshotId"])
            except FAILURES as error:
                raise provider_failure(error) from error

    def _describe(self, run: str) -> "list[SnapshotTypeDef]":
        pages = self.client.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{RUN_TAG}", "Values": [check_run(run)]}]
        )
        try:
            return [each for page in pages for each in page["Snapshots"]]
        except FAILURES as error:
            raise provider_failure(error) from error


def _copy(described: "SnapshotInfoTypeDef | SnapshotTypeDef") -> VolumeCopy:
    progress = described.get("Progress", "").rstrip("%")
    return VolumeCopy(
        id=described["SnapshotId"],
        volume=described["VolumeId"],
        size=described["VolumeSize"] * _GIB,
        begun_at=described["StartTime"].astimezone(UTC),
        state=_STATES.get(described.get("State", "pending"), SnapshotState.PENDING),
        progress=int(progress) if progress.isdecimal() else 0,
        reason=str(described.get("StateMessage", "")),
    )
