"""What is asked of a server follows from its record."""

from pathlib import Path

import pytest

from backends.types import PullSpec
from daemon.domain.server import Server
from daemon.services.request import pull_spec
from tests.factories import HOST_KEY, a_server

IMAGE, KEY = Path("/state/staging/web-1/image"), Path("/state/key")


def spec(server: Server, bandwidth: int | None = None) -> PullSpec:
    return pull_spec(server, IMAGE, KEY, bandwidth)


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [
        pytest.param(None, None, None, id="nobody limits it"),
        pytest.param(500_000, None, 500_000, id="the server's own limit holds by itself"),
        pytest.param(None, 300_000, 300_000, id="so does that of this call"),
        pytest.param(500_000, 300_000, 300_000, id="a lower share binds"),
        pytest.param(300_000, 500_000, 300_000, id="a higher share does not lift the server's own"),
    ],
)
def test_the_smaller_limit_holds(own: int | None, given: int | None, expected: int | None) -> None:
    assert spec(a_server(bandwidth=own), given).bandwidth == expected


def test_everything_on_record_is_asked_for() -> None:
    server = a_server(
        host="db.example", port=2222, user="saver", paths=("/srv", "/etc"), excludes=("*.tmp",),
        sudo=True, one_file_system=True,
    )  # fmt: skip
    asked = spec(server)
    assert (asked.paths, asked.excludes) == (server.paths, ("*.tmp",))
    assert (asked.sudo, asked.one_file_system, asked.staging) == (True, True, str(IMAGE))
    target = asked.target
    assert (target.alias, target.host, target.port) == ("web-1", "db.example", 2222)
    assert (target.user, target.host_key) == ("saver", HOST_KEY)


def test_what_a_restore_left_of_dumps_is_not_taken_for_the_servers_own() -> None:
    assert spec(a_server(paths=("/",), excludes=("*.tmp",))).excludes == ("*.tmp", "/.lapseguard")


def test_a_server_with_a_key_of_its_own_is_asked_with_that() -> None:
    assert spec(a_server()).target.identity == str(KEY)
    assert spec(a_server(identity="/keys/web-1")).target.identity == "/keys/web-1"
