"""What a run does on a server before and after it reads, and what is recorded of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backends.shell import RemoteShell
from backends.snapshot.commands import Commands
from backends.source_errors import HookFailed
from backends.types import PullSpec, SshTarget
from daemon.domain.freezing import Freezing
from daemon.domain.run import RunKind
from daemon.domain.source import LIVE, Consistency
from daemon.services.source import SourceTools, hold_source, remove_leftovers
from tests.factories import HOST_KEY, a_server
from tests.parts.desk import Desk
from tests.parts.scripted_shell import ScriptedShell
from tests.parts.sshd import Sshd

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNKNOWN, OLD = "20261122T060101Z-0000aa", "20261101T060101Z-0000bb"
SPEC = PullSpec(
    target=SshTarget(
        alias="web-1", host="192.0.2.7", user="backup", identity="/key", host_key=HOST_KEY
    ),
    paths=("/srv",),
    staging="/staging",
)


def mounted(*names: str) -> str:
    """What findmnt prints of views that were left."""
    root = {"target": "/", "source": "/dev/vda1", "fstype": "ext4", "fsroot": "/", "options": "rw"}
    views = [root | {"target": f"/run/lapseguard/{name}/srv"} for name in names]
    return json.dumps({"filesystems": [root, *views]})


def tools(desk: Desk, shell: ScriptedShell, warnings: list[str]) -> SourceTools:
    return SourceTools(
        units=desk.units,
        now=lambda: NOW,
        open_shell=lambda _: shell.connect(),
        warn=warnings.append,
    )


def unmounted(desk: Desk, *names: str, run: str = "20261123T115900Z-0000cc") -> list[str]:
    """Which of these views a run takes down."""
    shell = ScriptedShell(("findmnt", mounted(*names)))
    with Commands(shell.connect) as commands:
        remove_leftovers(tools(desk, shell, []), a_server(), commands, run)
    return [line.split("/")[3] for line in shell.said if line.startswith("umount")]


def test_what_an_ended_run_of_the_server_left_is_removed(desk: Desk) -> None:
    ended = desk.back_up()

    assert unmounted(desk, ended.run) == [ended.run]


def test_what_the_run_under_way_has_made_stays(desk: Desk) -> None:
    assert unmounted(desk, OLD, run=OLD) == []


def test_what_a_run_that_has_not_ended_made_stays(desk: Desk) -> None:
    with desk.units() as unit:
        unit.runs.claim(
            run=OLD,
            server="web-1",
            kind=RunKind.MANUAL,
            store="main",
            owner="somebody",
            lease=timedelta(minutes=5),
        )
        unit.commit()

    assert unmounted(desk, OLD) == []


def test_what_others_have_made_stays_until_nobody_can_need_it(desk: Desk) -> None:
    assert unmounted(desk, UNKNOWN) == []
    assert unmounted(desk, OLD) == [OLD]


def test_leftovers_that_cannot_be_removed_are_told_and_spoil_nothing(desk: Desk) -> None:
    warnings: list[str] = []
    shell = ScriptedShell(("findmnt", "no json"))

    with Commands(shell.connect) as commands:
        remove_leftovers(tools(desk, shell, warnings), a_server(), commands, UNKNOWN)

    assert "not removed" in warnings[0]


def test_a_server_that_is_read_live_is_not_even_asked(desk: Desk) -> None:
    shell = ScriptedShell()

    with hold_source(tools(desk, shell, []), desk.back_up(), a_server(), SPEC) as source:
        assert (source.spec, source.view) == (SPEC, LIVE)

    assert shell.said == []


@pytest.mark.parametrize("hook", [{"before": ("sleep", "20")}, {"kind": "hook"}], ids=str)
def test_a_hook_is_waited_for_as_long_as_the_server_s_record_allows(
    desk: Desk, sshd: Sshd, hook: dict[str, Any]
) -> None:
    commands = {"freeze": ("sleep", "20"), "thaw": ("true",)} if "kind" in hook else {}
    freezing = Freezing(**hook, **commands, hook_timeout=timedelta(seconds=1))
    held = replace(tools(desk, ScriptedShell(), []), open_shell=RemoteShell)

    with (
        pytest.raises(HookFailed, match="`sleep` took longer than 1 seconds"),
        hold_source(
            held,
            desk.back_up(),
            a_server(freezing=freezing),
            replace(SPEC, target=sshd.target()),
        ),
    ):
        pass


@pytest.mark.parametrize(
    ("before", "consistency"),
    [((), Consistency.CRASH), (("stop-db",), Consistency.APPLICATION)],
)
def test_a_hook_s_view_is_pulled_from_and_worth_more_while_the_application_rests(
    desk: Desk, before: tuple[str, ...], consistency: Consistency
) -> None:
    shell = ScriptedShell(("make-view", "/mnt/view\n"))
    freezing = Freezing(kind="hook", freeze=("make-view",), thaw=("drop-view",), before=before)
    server = a_server(freezing=freezing)

    with hold_source(tools(desk, shell, []), desk.back_up(), server, SPEC) as source:
        assert source.spec.source_root == "/mnt/view"
        assert source.view.consistency is consistency
        assert not any("drop-view" in line for line in shell.said)
    assert "drop-view" in shell.said[-1]


def test_an_application_goes_on_before_the_pull_once_everything_is_frozen(desk: Desk) -> None:
    shell = ScriptedShell(("make-view", "/mnt/view\n"))
    freezing = Freezing(
        kind="hook",
        freeze=("make-view",),
        thaw=("drop-view",),
        before=("stop-db",),
        after=("start-db",),
    )

    with hold_source(tools(desk, shell, []), desk.back_up(), a_server(freezing=freezing), SPEC):
        ran = [line.split()[-1] for line in shell.said]
        assert ran == ["stop-db", "make-view", "start-db"]


def test_an_application_rests_through_the_pull_where_nothing_is_frozen(desk: Desk) -> None:
    shell = ScriptedShell()
    server = a_server(freezing=Freezing(before=("stop-db",), after=("start-db",)))

    with hold_source(tools(desk, shell, []), desk.back_up(), server, SPEC) as source:
        assert "stop-db" in shell.said[-1]
        assert source.view.consistency is Consistency.NONE
    assert "start-db" in shell.said[-1]
