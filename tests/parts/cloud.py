"""A stand-in of the EC2 interface that keeps real state, for tests of provider snapshots."""

import importlib.util
from collections.abc import Iterator

import pytest

from tests.parts.requirement import require

__all__ = ["cloud"]


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
