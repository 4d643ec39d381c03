"""Copies that a provider makes: asked for by hand, told of beside the runs."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from tests.parts.cloud import REGION, Progress, cloud_keys
from tests.parts.faulty_proxy import Fault, FaultyProxy
from tests.parts.program import Program

GIB = 2**30
PAST = "2026-11-01"


def at_provider(program: Program, endpoint: str, instance: str) -> Program:
    """The program with a server that its provider can copy."""
    program.add_server()
    program.do("server", "machine", "set", "web-1", "ebs", instance, "--region", REGION)
    return replace(program, environment=cloud_keys(endpoint))


@pytest.fixture
def rescuer(installed: Program, cloud: str, instance: str) -> Program:
    """A server whose machine at the provider is on record."""
    return at_provider(installed, cloud, instance)


def test_the_provider_copies_all_disks_and_the_history_has_it_beside_the_runs(
    rescuer: Program, instance: str
) -> None:
    rescuer.add_contract("c-1", "2099-12-31")

    said = rescuer.do("provider-snapshot", "web-1")

    (row,) = rescuer.ask("history", "web-1")
    made = row["provider_copy"]
    assert (row["state"], row["kind"], row["bytes"]) == ("complete", "manual", 18 * GIB)
    assert (made["machine"], made["region"], made["by"]) == (instance, REGION, "ebs")
    assert [disk["bytes"] for disk in made["volumes"]].count(8 * GIB) == 1
    assert made["completed_at"]
    assert row["run"] in said
    assert "dies with the server's account" in said
    shown = rescuer.do("show", row["run"])
    assert all(disk["id"] in shown for disk in made["volumes"])
    assert "dies with the server's account" in shown
    assert "snapshot complete" in rescuer.do("history")
    assert rescuer.ask("show", row["run"]) == row


def test_status_names_the_copy_and_does_not_take_it_for_safety(rescuer: Program) -> None:
    rescuer.add_contract("c-1", PAST, "--preset", "alibaba-ecs-subscription")
    before = rescuer.ask("status", "web-1")[0]
    rescuer.do("provider-snapshot", "web-1")

    (after,) = rescuer.ask("status", "web-1")

    assert before["provider_copy"] is None
    assert after["verdict"] == before["verdict"] != "safe"
    assert any("but it dies with the account" in reason for reason in after["reasons"])
    assert after["provider_copy"]["same_fate"] is True
    assert after["provider_copy"]["state"] == "complete"


def test_a_dry_run_asks_the_provider_for_nothing(rescuer: Program, instance: str) -> None:
    told = rescuer.ask("provider-snapshot", "web-1", "--dry-run")

    assert (told["machine"], told["under_way"]) == (instance, None)
    assert rescuer.ask("history") == []


def test_what_nobody_waits_for_goes_on_and_the_next_look_finds_it(
    rescuer: Program, slow_provider: Progress
) -> None:
    begun = rescuer.ask("provider-snapshot", "web-1", "--no-wait")
    again = rescuer.ask("provider-snapshot", "web-1", "--no-wait")
    slow_provider.status = "completed"
    ended = rescuer.ask("provider-snapshot", "web-1")

    assert (begun["state"], begun["provider_copy"]["progress"]) == ("creating", 40)
    assert again["run"] == ended["run"] == begun["run"]
    assert ended["state"] == "complete"
    assert len(rescuer.ask("history")) == 1


def test_ctrl_c_ends_the_waiting_and_not_the_snapshot(
    rescuer: Program, slow_provider: Progress
) -> None:
    process = rescuer.start("provider-snapshot", "web-1")
    assert process.stderr is not None
    assert b"40 %" in process.stderr.readline()
    process.send_signal(signal.SIGINT)

    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert b"the provider goes on" in said
    slow_provider.status = "completed"
    assert rescuer.ask("provider-snapshot", "web-1")["state"] == "complete"
    assert len(rescuer.ask("history")) == 1


def test_a_snapshot_that_the_provider_gives_up_is_a_failure_with_a_reason(
    rescuer: Program, slow_provider: Progress
) -> None:
    slow_provider.status = "error"

    ended = rescuer.run("provider-snapshot", "web-1")

    assert ended.exit_code == 1
    assert "gave up the snapshot" in ended.err
    assert " next: " in ended.err
    (row,) = rescuer.ask("history")
    assert (row["state"], row["error"]["code"]) == ("failed", "ProviderSnapshotFailed")


def test_a_provider_that_throttles_is_asked_again(
    installed: Program, cloud: str, instance: str
) -> None:
    with FaultyProxy(cloud) as proxy:
        program = at_provider(installed, proxy.endpoint, instance)
        proxy.inject(Fault.UNAVAILABLE, method="POST", times=2)

        row = program.ask("provider-snapshot", "web-1")

    assert (row["state"], row["error"]) == ("complete", None)


def test_a_provider_that_refuses_is_asked_once_and_its_answer_kept(
    installed: Program, cloud: str, instance: str
) -> None:
    with FaultyProxy(cloud) as proxy:
        program = at_provider(installed, proxy.endpoint, instance)
        proxy.inject(Fault.FORBIDDEN, method="POST")

        ended = program.run("provider-snapshot", "web-1", "--json")

    assert ended.exit_code == 1
    assert (ended.document["state"], ended.error["code"]) == ("failed", "ProviderRefused")
    assert proxy.requests == ["POST"]


def test_a_machine_that_the_provider_does_not_know_is_named(installed: Program, cloud: str) -> None:
    program = at_provider(installed, cloud, "i-0123456789abcdef0")

    ended = program.run("provider-snapshot", "web-1")

    assert ended.exit_code == 1
    assert "i-0123456789abcdef0" in ended.err


def test_missing_credentials_are_told_and_recorded(
    installed: Program, cloud: str, instance: str
) -> None:
    known = at_provider(installed, cloud, instance)
    program = replace(known, environment={"AWS_ENDPOINT_URL_EC2": cloud})

    ended = program.run("provider-snapshot", "web-1")

    assert ended.exit_code == 1
    assert "no credentials" in ended.err
    assert program.ask("history")[0]["error"]["code"] == "ProviderRefused"


def test_a_server_without_a_machine_on_record_is_a_usage_error(installed: Program) -> None:
    installed.add_server()

    assert "server machine set web-1" in installed.fail("provider-snapshot", "web-1")["hint"]


def test_programs_of_the_operators_own_copy_into_an_account_apart(
    installed: Program, tmp_path: Path
) -> None:
    answer = tmp_path / "answer"
    disk = {"id": "c1", "volume": "v1", "size": 1000, "begun_at": "2026-11-23T06:01:01Z"}
    answer.write_text(json.dumps({"machine": "m1", "copies": [{**disk, "state": "completed"}]}))
    installed.add_server()
    installed.do(
        *("server", "machine", "set", "web-1", "command", "m1", "--account", "vault-7"),
        *("--create", f"cat {answer}", "--find", f"cat {answer}", "--delete", "true"),
    )
    installed.add_contract("c-1", "2099-12-31", "--account", "web-1-pays")

    row = installed.ask("provider-snapshot", "web-1")
    installed.do("contract", "close", "c-1", "--reason", "let-lapse")
    installed.do("server", "remove", "web-1", "--yes")

    assert [each["run"] for each in installed.ask("history", "web-1")] == [row["run"]]
    assert (row["state"], row["bytes"]) == ("complete", 1000)
    assert row["provider_copy"]["same_fate"] is False
    assert "vault-7" in row["provider_copy"]["fate"]


def test_what_is_planned_and_foreseen_has_the_providers_part(installed: Program) -> None:
    installed.add_server()
    installed.do(
        *("server", "machine", "set", "web-1", "command", "m1"),
        *("--create", "false", "--find", "false", "--delete", "false"),
    )
    phases = ("--phase", "stopped:0:snapshot", "--phase", "released:9000d:-")
    installed.add_contract("c-1", PAST, *phases)

    planned = [row for row in installed.ask("plan") if row["reason"] == "provider snapshot"]
    foreseen = installed.ask("simulate", "--until", "2050-01-01")
    (drawn,) = installed.ask("timeline")

    (row,) = planned
    assert (row["server"], row["contract"], row["kind"]) == ("web-1", "c-1", "rescue")
    assert row["start_by"].startswith("2051-06-2")
    assert "ssh has ended" in row["explanation"]
    assert "provider snapshot" in installed.do("plan")
    assert [each["event"] for each in foreseen].count("provider snapshot") == 1
    assert len(drawn["provider_copies"]) == 1
