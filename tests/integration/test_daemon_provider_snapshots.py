"""A daemon and a server whose ssh has ended while its provider still makes snapshots."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.parts.cloud import REGION, Progress, client, cloud_keys
from tests.parts.daemons import Start, quicken, rows
from tests.parts.program import Program

#: Stopped since yesterday, destroyed in years; the provider makes snapshots meanwhile.
STOPPED = (
    *("--provider", "aws", "--expires", "2026-11-01", "--timezone", "UTC"),
    *("--phase", "stopped:0:snapshot,renewal", "--phase", "released:9000d:-"),
)


@pytest.fixture
def stopped(installed: Program) -> Program:
    """A server that nobody reaches any more, whose contract says so."""
    quicken(installed)
    installed.add_server()
    installed.do("contract", "add", "c-1", "--server", "web-1", *STOPPED)
    return installed


def copies(program: Program) -> list[dict[str, Any]]:
    """The provider snapshots of the server, newest first."""
    return [row for row in rows(program, "web-1") if row["provider_copy"]]


def test_a_stopped_server_is_copied_by_its_provider_once(
    stopped: Program, start_daemon: Start, cloud: str, instance: str, slow_provider: Progress
) -> None:
    """The daemon dies while the provider works; the next one goes on with the same snapshot."""
    stopped.do("server", "machine", "set", "web-1", "ebs", instance, "--region", REGION)
    program = replace(stopped, environment=cloud_keys(cloud))
    first = start_daemon(program)
    first.wait_for(lambda: any(row["bytes"] for row in copies(program)), "a copy")
    first.process.kill()
    first.process.wait()
    slow_provider.status = "completed"

    second = start_daemon(program)
    done = second.await_event("provider_copy.complete", server="web-1")

    (row,) = copies(program)
    assert (row["run"], row["state"], row["kind"]) == (done["run"], "complete", "rescue")
    found = client(cloud).describe_snapshots(
        OwnerIds=["self"], Filters=[{"Name": "tag:lapseguard-instance", "Values": [instance]}]
    )
    assert len(found["Snapshots"]) == 2
    assert not [each for each in program.ask("plan") if each["reason"] == "provider snapshot"]
    assert second.end() == 0


def test_failures_of_the_operators_own_program_are_recorded_and_tried_again(
    stopped: Program, start_daemon: Start, tmp_path: Path
) -> None:
    answer = tmp_path / "answer"
    stopped.do(
        *("server", "machine", "set", "web-1", "command", "m1"),
        *("--create", f"cat {answer}", "--find", f"cat {answer}", "--delete", "true"),
    )
    daemon = start_daemon(stopped)
    failed = daemon.await_event("provider_copy.failed", count=2, server="web-1")
    assert "No such file" in failed["message"]
    disk = {"id": "c1", "volume": "v1", "size": 1000, "begun_at": "2026-11-23T06:01:01Z"}
    whole = json.dumps({"machine": "m1", "copies": [{**disk, "state": "completed"}]})
    (tmp_path / "written").write_text(whole)
    (tmp_path / "written").rename(answer)

    done = daemon.await_event("provider_copy.complete", server="web-1")

    newest, *before = copies(stopped)
    assert (newest["run"], newest["state"], newest["error"]) == (done["run"], "complete", None)
    assert {row["error"]["code"] for row in before} == {"ProviderError"}
    assert daemon.end() == 0
