"""A daemon with one slot: a run that can wait gives it up to one that cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from daemon.store.engine import open_engine
from daemon.store.tables import STANDINGS
from tests.parts.daemons import Start, rows
from tests.parts.due import KIB, enrol, expire, slow_run, slow_server, states
from tests.parts.installation import Install, Installation, new_bucket
from tests.parts.line import Line
from tests.parts.object_servers import SeaweedServer

#: Without a pause the first run is expected to end so late that the second, which is expected to
#: take 22 minutes, would not end before its server stops; with one it has time.
SOON = timedelta(minutes=31)
#: Of the second server, 64 KiB each.
FILES = 16


@pytest.fixture
def crowded(
    install: Install, s3_server: SeaweedServer, line: Line, source: Path, tmp_path: Path
) -> Iterator[Installation]:
    """One server behind a slow line that is due at once, another that nobody has to save yet."""
    with slow_server(install, line, source, new_bucket(s3_server)) as installation:
        one_slot(installation)
        enrol(installation, "web-2", a_mebibyte(tmp_path / "second"))
        yield installation


def test_a_run_under_way_gives_way_to_one_that_would_be_late_and_goes_on_after_it(
    crowded: Installation, start_daemon: Start, line: Line
) -> None:
    daemon = start_daemon(crowded.program)
    with slow_run(daemon, crowded, line) as first:
        line.limit(0)
        line.sent()
        begin_earlier(crowded, "web-1", timedelta(minutes=6))
        expire(crowded, "web-2", left=SOON)
        daemon.await_event("run.paused", server="web-1")
        daemon.await_event("run.started", server="web-2")
        assert failures(crowded, "web-1") == 0
        daemon.await_event("run.verified", server="web-2")
    daemon.await_event("run.verified", server="web-1")

    started = [event["server"] for event in daemon.events("run.started")]
    assert started == ["web-1", "web-2", "web-1"]
    assert states(crowded) == ["partial", "verified"]
    paused = rows(crowded.program, "web-1")[-1]
    assert (paused["run"], bool(paused["snapshot"])) == (first, True)
    assert "more urgent" in paused["error"]["message"]
    # What had arrived of the forty files was not sent again.
    assert line.sent() < (38 + FILES) * 64 * KIB
    assert daemon.end() == 0


def one_slot(installation: Installation) -> None:
    """And runs that are expected to take long, since nobody knows how quick the lines are."""
    file = installation.program.folder / "conf.d" / "quick.toml"
    text = file.read_text()
    for was, becomes in (("slots = 2", "slots = 1"), ('rate = "1 MiB"', 'rate = "1 KiB"')):
        assert was in text
        text = text.replace(was, becomes)
    file.write_text(text)


def a_mebibyte(folder: Path) -> Path:
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}").write_bytes(bytes([number]) * 64 * KIB)
    return folder


def begin_earlier(installation: Installation, server: str, by: timedelta) -> None:
    """Let the run under way have begun so much before it did: a new one is never asked to pause."""
    ours = STANDINGS.c.server == server
    with connected(installation) as connection:
        began = connection.execute(select(STANDINGS.c.started_at).where(ours)).scalar_one()
        connection.execute(update(STANDINGS).where(ours).values(started_at=began - by))


def failures(installation: Installation, server: str) -> int:
    """How many of its newest runs in a row count as failed."""
    with connected(installation) as connection:
        query = select(STANDINGS.c.failures).where(STANDINGS.c.server == server)
        return int(connection.execute(query).scalar_one())


@contextmanager
def connected(installation: Installation) -> Iterator[Connection]:
    """The daemon's database, behind its back."""
    engine = open_engine(f"sqlite:///{installation.program.state / 'lapseguard.db'}")
    with engine.begin() as connection:
        yield connection
    engine.dispose()
