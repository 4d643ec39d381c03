"""The probe on real servers: it names what each does and does not, and cleans up."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from backends.errors import StoreRefused
from backends.objectstore.findings import Check, Finding, Outcome, StoreProbe
from backends.objectstore.probe import probe_store
from backends.objectstore.s3 import S3Address, S3Credentials, S3Store
from backends.objectstore.s3_probe import S3Examination
from tests.parts.object_servers import READER_KEY, RcloneServer, S3Server, SeaweedServer


def examine(server: S3Server, bucket: str, access_key: str | None = None) -> StoreProbe:
    """What `store probe` finds out with the server's key, or another one."""
    address = S3Address(bucket=bucket, prefix="fleet/web", endpoint=server.endpoint)
    credentials = S3Credentials(
        access_key_id=access_key or server.access_key, secret_access_key=server.secret_key
    )
    with closing(S3Store(address, credentials)) as store:
        return probe_store(store)


@pytest.fixture(scope="module")
def bucket(s3_server: SeaweedServer) -> str:
    return s3_server.make_bucket()


def outcomes(probe: StoreProbe) -> dict[Check, Outcome]:
    return {finding.check: finding.outcome for finding in probe.findings}


def litter(server: S3Server, bucket: str) -> list[str]:
    """Names of all versions and markers in a bucket."""
    answer = server.client().list_object_versions(Bucket=bucket)
    found = (*answer.get("Versions", []), *answer.get("DeleteMarkers", []))
    return [each["Key"] for each in found]


@pytest.mark.parametrize(
    ("versioned", "object_lock"), [(False, False), (True, False), (True, True)]
)
def test_the_probe_finds_what_seaweed_does(
    s3_server: SeaweedServer, *, versioned: bool, object_lock: bool
) -> None:
    """Everything is fine but what the bucket was not made with; nothing stays, in no version."""
    bucket = s3_server.make_bucket(versioned=versioned, object_lock=object_lock)

    probe = examine(s3_server, bucket)

    expected = dict.fromkeys(Check, Outcome.YES)
    expected[Check.VERSIONING] = Outcome.YES if versioned else Outcome.NO
    expected[Check.OBJECT_LOCK] = Outcome.YES if object_lock else Outcome.NO
    assert outcomes(probe) == expected
    assert probe.usable
    assert litter(s3_server, bucket) == []


def test_the_probe_names_each_defect_of_rclone(rclone_server: RcloneServer) -> None:
    """It compares no SHA-256 but repeats it, replaces against a condition, keeps no versions."""
    bucket = rclone_server.make_bucket()

    probe = examine(rclone_server, bucket)

    assert {check for check, outcome in outcomes(probe).items() if outcome is not Outcome.YES} == {
        Check.WRONG_SHA256_REFUSED,
        Check.ATTESTS_SHA256,
        Check.CONDITIONAL_PUT,
        Check.VERSIONING,
        Check.OBJECT_LOCK,
    }
    details = {finding.check: finding.detail for finding in probe.findings}
    assert "right or wrong" in details[Check.ATTESTS_SHA256]
    assert "If-None-Match" in details[Check.CONDITIONAL_PUT]
    assert probe.usable
    assert rclone_server.client().list_objects_v2(Bucket=bucket).get("Contents") is None


def test_the_probe_says_what_a_lock_makes_it_leave(s3_server: SeaweedServer) -> None:
    """A default retention holds the probe's own objects as well, and the operator is told."""
    bucket = s3_server.make_bucket(object_lock=True)
    s3_server.client().put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )

    probe = examine(s3_server, bucket)

    found: dict[Check, Finding] = {finding.check: finding for finding in probe.findings}
    assert found[Check.OBJECT_LOCK].detail == "default mode COMPLIANCE"
    assert "locked versions stay" in found[Check.DELETE].detail


def test_the_probe_cannot_look_into_a_store_that_refuses_the_key(
    s3_server: SeaweedServer, bucket: str
) -> None:
    """A key that may not write is an answer, not a table of unknowns."""
    with pytest.raises(StoreRefused):
        examine(s3_server, bucket, READER_KEY)


@pytest.mark.parametrize(
    ("offset", "outcome", "word"),
    [(0, Outcome.YES, "within"), (3_600, Outcome.NO, "behind"), (-3_600, Outcome.NO, "ahead")],
)
def test_the_probe_compares_clocks(
    s3_server: SeaweedServer, bucket: str, offset: int, outcome: Outcome, word: str
) -> None:
    """A machine whose clock is an hour off learns in which direction."""
    examination = S3Examination(
        s3_server.client(), bucket, now=lambda: datetime.now(UTC) + timedelta(seconds=offset)
    )

    clock = next(each for each in examination.findings("clock") if each.check is Check.CLOCK)

    assert clock.outcome is outcome
    assert word in clock.detail
