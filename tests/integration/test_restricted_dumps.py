"""A dump over a login that may run nothing but what root of the server has written down."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.dumps.stream import DumpStream, stream_dump
from backends.source_errors import DumpFailed
from daemon.domain.dump import DatabaseDump
from daemon.services.dumps import dump_of
from daemon.services.permission import sudo_line, wrapper_line
from tests.parts.databases import PostgresCluster
from tests.parts.requirement import require_program
from tests.parts.source_wrapper import copy_with_lists
from tests.parts.sshd import Sshd
from tests.parts.sudo_rules import LOGIN, WITH_RULES, install_rules, require_sudo


@pytest.fixture
def record(postgres_cluster: PostgresCluster) -> DatabaseDump:
    """The dump that root allows."""
    require_program("pg_dumpall", "postgresql")
    return DatabaseDump(
        kind="postgres-globals",
        user=postgres_cluster.user,
        role="lapseguard",
        host=str(postgres_cluster.folder),
    )


@pytest.fixture
def server(record: DatabaseDump, tmp_path: Path) -> Iterator[Sshd]:
    """A server on which root has written down what the program printed."""
    require_sudo()
    require_program("setpriv", "util-linux")
    # pytest's own folder is closed to the login.
    place = Path(tempfile.mkdtemp(prefix="lapseguard-"))
    place.chmod(0o755)
    wrapper = copy_with_lists(place)
    (place / "dumps").write_text(f"{wrapper_line(record)}\n")
    allowed = ("LAPSEGUARD ALL", f"{sudo_line(LOGIN, record)}\nLAPSEGUARD ALL")
    login = f"exec setpriv --reuid={LOGIN} --clear-groups {wrapper}"
    rules = str(install_rules(tmp_path, [allowed]))
    with Sshd(tmp_path / "sshd", forced_command=login, within=(*WITH_RULES, rules)) as sshd:
        yield sshd
    shutil.rmtree(place)


def dumped(server: Sshd, record: DatabaseDump) -> bytes:
    def read(stream: DumpStream) -> bytes:
        return b"".join(iter(lambda: stream.read(1 << 16), b""))

    return stream_dump(server.target(), dump_of(record), read, timeout=60.0)


def test_what_the_program_prints_for_root_to_allow_is_all_that_a_dump_takes(
    server: Sshd, record: DatabaseDump
) -> None:
    assert b"CREATE ROLE lapseguard" in dumped(server, record)


def test_another_dump_is_refused_and_says_by_whom(server: Sshd, record: DatabaseDump) -> None:
    other = DatabaseDump(
        kind="postgres",
        database="postgres",
        user=record.user,
        role=record.role,
        host=record.host,
    )

    with pytest.raises(DumpFailed, match="lapseguard-source: not permitted"):
        dumped(server, other)
