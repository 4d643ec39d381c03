"""A stand-in of the EC2 interface that keeps real state, for tests of provider snapshots."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config

from tests.parts.requirement import require

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client

__all__ = [
    "Progress",
    "client",
    "cloud",
    "cloud_keys",
    "instance",
    "machine_image",
    "slow_provider",
]

REGION = "eu-central-1"
_KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@cache
def client(endpoint: str, attempts: int = 1) -> "EC2Client":
    return boto3.client(
        "ec2",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="key",
        aws_secret_access_key="secret",  # noqa: S106 - of nothing
        config=Config(retries={"total_max_attempts": attempts}, read_timeout=60),
    )


def cloud_keys(endpoint: str) -> dict[str, str]:
    """The environment that leads every AWS program to an endpoint, with keys of nothing."""
    return {"AWS_ENDPOINT_URL_EC2": endpoint, **_KEYS}


@pytest.fixture(scope="session")
def cloud() -> Iterator[str]:
    """Its address; the instances that it knows are nobody's."""
    present = all(map(importlib.util.find_spec, ("moto", "flask", "flask_cors")))
    require(present, "moto", "pip install 'moto[ec2]' flask flask-cors")
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def machine_image(cloud: str) -> str:
    """What new machines are made of; there are many, and listing them takes its time."""
    return client(cloud).describe_images(Owners=["amazon"])["Images"][0]["ImageId"]


@pytest.fixture
def instance(cloud: str, machine_image: str) -> str:
    """A machine with a boot disk of 8 GiB and another of 10."""
    ec2 = client(cloud)
    made = ec2.run_instances(ImageId=machine_image, MinCount=1, MaxCount=1)["Instances"][0]
    zone = made["Placement"]["AvailabilityZone"]
    disk = ec2.create_volume(Size=10, AvailabilityZone=zone)["VolumeId"]
    ec2.attach_volume(VolumeId=disk, InstanceId=made["InstanceId"], Device="/dev/sdf")
    return made["InstanceId"]


@dataclass
class Progress:
    """What the stand-in says of all its snapshots: `pending`, `completed` or `error`."""

    status: str = "pending"


@pytest.fixture
def slow_provider(cloud: str, monkeypatch: pytest.MonkeyPatch) -> Progress:
    """The stand-in completes snapshots when the test says so, not at once."""
    from moto.ec2.models.elastic_block_store import Snapshot  # noqa: PLC0415 - as above

    progress = Progress()
    told = property(lambda _: progress.status, lambda *_: None)
    done = property(lambda _: "100%" if progress.status == "completed" else "40%")
    monkeypatch.setattr(Snapshot, "status", told, raising=False)
    monkeypatch.setattr(Snapshot, "progress", done)
    return progress
