"""One daemon on SQLite: what it does by itself, and what it does when it is told to."""

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.parts.daemons import Start, quicken, rows
from tests.parts.due import enrol, expire, slow_run, states
from tests.parts.installation import Install, Installation, new_bucket
from tests.parts.line import Line
from tests.parts.object_servers import SeaweedServer

#: Soon, yet long enough for a first copy that is too old to count as the last one.
SOON = timedelta(seconds=90)


@pytest.mark.slow
def test_a_server_is_saved_just_before_it_stops_unless_its_contract_is_renewed(
    install: Install, s3_server: SeaweedServer, start_daemon: Start, source: Path, tmp_path: Path
) -> None:
    """End to end: nobody touches anything, but for one renewal."""
    installation = install(new_bucket(s3_server))
    quicken(installation.program)
    for name in ("web-1", "web-2"):
        enrol(installation, name, source)
    stop_at, _ = (expire(installation, name, left=SOON) for name in ("web-1", "web-2"))
    daemon = start_daemon(installation.program)
    for name in ("web-1", "web-2"):
        daemon.await_event("run.verified", server=name)
    installation.program.do(
        *("contract", "renew", "contract-of-web-2"),
        *("--until", "2099-12-31", "--evidence", "invoice 4711"),
    )
    (source / "written late").write_text("and saved all the same")

    final = daemon.await_event("run.verified", count=2, server="web-1")

    row = rows(installation.program, "web-1")[0]
    assert (row["run"], row["kind"]) == (final["run"], "scheduled")
    assert row["verification"]["outcome"] == "passed"
    assert datetime.fromisoformat(row["finished_at"]) < stop_at
    root = installation.restore(tmp_path / "restored")
    assert (root / source.relative_to("/") / "written late").exists()
    # Both were to stop at the same moment, so what held for one would have held for the other.
    assert states(installation, "web-2") == ["verified"]
    assert daemon.end() == 0


def test_what_has_arrived_is_kept_when_the_service_is_told_to_end(
    slow: Installation, start_daemon: Start, line: Line
) -> None:
    daemon = start_daemon(slow.program)
    with slow_run(daemon, slow, line):
        assert daemon.end() == 0
    assert "STOPPING=1" in daemon.heard()
    assert states(slow) == ["partial"]
    kept = rows(slow.program, "web-1")[0]
    assert kept["snapshot"]
    again = start_daemon(slow.program)
    again.await_event("run.verified")
    assert states(slow) == ["partial", "verified"]
    assert again.end() == 0


def test_settings_are_read_again_while_a_run_goes_on(
    slow: Installation, start_daemon: Start, line: Line
) -> None:
    daemon = start_daemon(slow.program)
    good = (slow.program.folder / "conf.d" / "quick.toml").read_text()
    with slow_run(daemon, slow, line) as run:
        quicken(slow.program, more="\n[planning.no_such_thing]\n")
        daemon.process.send_signal(signal.SIGHUP)
        refused = daemon.await_event("settings.refused")
        assert "no_such_thing" in refused["message"]
        (slow.program.folder / "conf.d" / "quick.toml").write_text(good)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.await_event("settings.reloaded")
        daemon.await_word("READY=1", count=3)
        assert rows(slow.program, "web-1")[0]["state"] == "pulling"
    line.host.cut()
    daemon.await_event("run.verified")
    assert rows(slow.program, "web-1")[-1]["run"] == run
    assert daemon.end() == 0


def test_a_second_daemon_on_one_sqlite_file_is_refused_and_a_dead_one_is_no_hindrance(
    installed_with: Callable[..., Installation], start_daemon: Start
) -> None:
    installation = installed_with()
    first = start_daemon(installation.program)
    refused = installation.program.run("run")
    assert refused.exit_code == 1
    assert f":{first.process.pid}:" in refused.err
    assert "PostgreSQL" in refused.err
    first.process.kill()
    first.process.wait()
    second = start_daemon(installation.program)
    second.await_word("WATCHDOG=1", count=2)
    assert any(word.startswith("STATUS=1 servers") for word in second.heard())
    assert second.end(signal.SIGINT) == 0


def test_backup_now_works_beside_a_running_daemon(
    installed_with: Callable[..., Installation], start_daemon: Start, source: Path
) -> None:
    installation = installed_with()
    daemon = start_daemon(installation.program)
    assert installation.back_up()["state"] == "verified"
    assert daemon.end() == 0


@pytest.fixture
def installed_with(install: Install, source: Path) -> Callable[..., Installation]:
    """Makes an installation with a server that no contract calls for."""

    def make(**settings: Any) -> Installation:
        installation = install()
        quicken(installation.program, **settings)
        installation.enrol(source)
        return installation

    return make


def test_one_poisonous_server_never_keeps_the_others_from_being_saved(
    installed_with: Callable[..., Installation], start_daemon: Start, source: Path
) -> None:
    installation = installed_with()
    installation.program.add_server("strange", "--store", "main")
    database = installation.program.state / "lapseguard.db"
    poison(database, "strange")
    for name, left in (("strange", 2), ("web-1", 3)):
        expire(installation, name, left=timedelta(hours=left))
    daemon = start_daemon(installation.program)
    daemon.await_event("run.verified", server="web-1")
    failure = daemon.await_event("run.failed", server="strange")
    assert failure["message"]
    daemon.await_event("run.failed", count=2, server="strange")
    assert states(installation, "strange")[:2] == ["failed", "failed"]
    assert daemon.end() == 0


def poison(database: Path, server: str) -> None:
    """Let a server name a store that the settings do not know, as after a change of settings."""
    import sqlite3  # noqa: PLC0415 - here alone

    connection = sqlite3.connect(database)
    with connection:
        connection.execute("UPDATE servers SET store = 'gone' WHERE name = ?", (server,))
    connection.close()


def test_after_a_long_absence_everything_runs_in_the_order_of_its_deadline(
    installed_with: Callable[..., Installation], start_daemon: Start, source: Path
) -> None:
    installation = installed_with(slots=1)
    left = {"web-1": 5, "db-1": 2, "mail-1": 9, "wiki-1": 3}
    for name, days in left.items():
        if name != "web-1":
            enrol(installation, name, source)
        expire(installation, name, left=timedelta(days=days))
    daemon = start_daemon(installation.program)
    for name in left:
        daemon.await_event("run.verified", server=name)
    started = [event["server"] for event in daemon.events("run.started")]
    assert started == sorted(left, key=lambda name: left[name])
    assert daemon.end() == 0
