"""Provider snapshots: EBS against a stand-in of the EC2 interface that keeps real state."""

import threading
from collections.abc import Callable, Iterator

import boto3
import pytest

from backends.errors import (
    TransferInterrupted,
)
from backends.provider.command import CommandSnapshots
from backends.provider.ebs import EbsSnapshots
from backends.provider.snapshot import (
    ProviderSnapshot,
    SnapshotState,
    wait_for,
)
from backends.source_errors import (
    ProviderError,
    ProviderRefused,
    ProviderSnapshotFailed,
    ProviderSnapshotPending,
    ProviderTargetMissing,
    ProviderThrottled,
    ProviderUnreachable,
)
from tests.parts.cloud import client
from tests.parts.faulty_proxy import Fault, FaultyProxy

RUN, OTHER = "20261123T060101Z-3fa9c2", "20261123T070101Z-0000aa"
GIB = 1 << 30


@pytest.fixture
def ebs(cloud: str) -> Iterator[EbsSnapshots]:
    snapshots = EbsSnapshots(client=client(cloud))
    yield snapshots
    snapshots.delete(RUN)


def test_all_disks_of_a_machine_are_copied_as_one_set_that_its_run_finds_again(
    ebs: EbsSnapshots, instance: str
) -> None:
    made = ebs.create(instance, RUN)
    found = wait_for(ebs, RUN, timeout=5, stop=threading.Event())

    assert sorted(copy.size for copy in made.copies) == [8 * GIB, 10 * GIB]
    assert found.machine == instance
    assert [copy.id for copy in found.copies] == [copy.id for copy in made.copies]
    assert (found.state, found.progress) == (SnapshotState.COMPLETED, 100)


def test_a_run_that_asks_twice_pays_once(ebs: EbsSnapshots, instance: str) -> None:
    first, second = ebs.create(instance, RUN), ebs.create(instance, RUN)

    assert [copy.id for copy in first.copies] == [copy.id for copy in second.copies]


def test_what_another_run_has_made_stays(ebs: EbsSnapshots, instance: str) -> None:
    ebs.create(instance, RUN)
    ebs.create(instance, OTHER)

    ebs.delete(RUN)

    assert ebs.find(RUN) is None
    assert ebs.find(OTHER) is not None
    ebs.delete(OTHER)


def test_a_machine_that_nobody_knows_is_named_as_such(ebs: EbsSnapshots) -> None:
    with pytest.raises(ProviderTargetMissing, match="i-0123456789abcdef0"):
        ebs.create("i-0123456789abcdef0", RUN)


def test_a_word_that_is_no_run_never_reaches_the_provider(ebs: EbsSnapshots) -> None:
    with pytest.raises(ProviderTargetMissing, match="not the id of a run"):
        ebs.find("*")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.UNAVAILABLE, ProviderThrottled),
        (Fault.FORBIDDEN, ProviderRefused),
        (Fault.RESET, ProviderUnreachable),
    ],
)
def test_what_the_interface_answers_decides_what_its_failure_is_called(
    cloud: str, fault: Fault, error: type[ProviderError]
) -> None:
    with FaultyProxy(cloud) as proxy:
        proxy.inject(fault, method="POST")

        with pytest.raises(error):
            EbsSnapshots(client=client(proxy.endpoint)).find(RUN)


def test_a_provider_that_throttles_is_asked_again_until_it_answers(
    cloud: str, ebs: EbsSnapshots, instance: str
) -> None:
    ebs.create(instance, RUN)
    with FaultyProxy(cloud) as proxy:
        proxy.inject(Fault.UNAVAILABLE, method="POST", times=3)

        found = wait_for(
            EbsSnapshots(client=client(proxy.endpoint, attempts=2)),
            RUN,
            timeout=60,
            stop=threading.Event(),
        )

    assert found.state is SnapshotState.COMPLETED


def test_missing_credentials_are_named_as_such(cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    ec2 = boto3.client("ec2", endpoint_url=cloud, region_name="eu-central-1")

    with pytest.raises(ProviderRefused, match="no credentials"):
        EbsSnapshots(client=ec2).find(RUN)


ANSWER = """printf '{"machine": "m1", "copies": [{"id": "c1", "volume": "v1", "size": 1000,
"state": "%s", "progress": 40, "begun_at": "2026-11-23T06:01:01Z", "reason": "quota"}]}' %s"""


def by_command(find: str) -> CommandSnapshots:
    return CommandSnapshots(
        creating=("sh", "-c", ANSWER % ("%s", "pending")),
        finding=("sh", "-c", find),
        deleting=("true",),
        timeout=10,
    )


def waiting(find: str, **wishes: float) -> Callable[[], ProviderSnapshot]:
    def wait() -> ProviderSnapshot:
        return wait_for(by_command(find), RUN, timeout=0.3, stop=threading.Event())

    return wait


def test_the_operators_own_program_stands_for_any_other_provider() -> None:
    provider = by_command(ANSWER % ("%s", "completed"))

    made = provider.create("m1", RUN)
    found = wait_for(provider, RUN, timeout=5, stop=threading.Event())

    assert (made.state, made.progress) == (SnapshotState.PENDING, 40)
    assert (found.state, found.progress, found.size) == (SnapshotState.COMPLETED, 100, 1000)


def test_a_snapshot_that_ends_in_an_error_is_never_taken_for_a_copy() -> None:
    with pytest.raises(ProviderSnapshotFailed, match=r"c1 of v1: quota"):
        waiting(ANSWER % ("%s", "failed"))()


def test_a_snapshot_that_is_not_finished_in_time_is_told_as_far_as_it_is() -> None:
    with pytest.raises(ProviderSnapshotPending, match="40 per cent"):
        waiting(ANSWER % ("%s", "pending"))()


def test_a_snapshot_that_vanishes_is_no_copy() -> None:
    with pytest.raises(ProviderSnapshotFailed, match="any more"):
        waiting("true")()


def test_waiting_ends_when_the_run_is_told_to() -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(TransferInterrupted):
        wait_for(by_command(ANSWER % ("%s", "pending")), RUN, timeout=60, stop=stop)


@pytest.mark.parametrize(
    ("find", "told"),
    [
        ("echo '{'", "cannot be read"),
        ('echo \'{"machine": "m", "copies": [{}]}\'', "cannot be read"),
        ('echo \'{"machine": "m", "copies": []}\'', "no disk"),
        ("echo no key >&2; exit 4", "ended with 4: no key"),
    ],
)
def test_a_program_that_talks_nonsense_is_an_error(find: str, told: str) -> None:
    with pytest.raises(ProviderError, match=told):
        by_command(find).find(RUN)
