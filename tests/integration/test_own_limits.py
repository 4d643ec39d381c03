"""What a server's own record says of staging and of its rate holds for its runs."""

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from backends.capture.window import StagingMode
from backends.pacing import Rate
from daemon.clock import Clock
from daemon.domain.bandwidth import Stretch
from daemon.domain.staging import StagingChoice
from daemon.services.backup import back_up
from daemon.services.backup_tools import BackupTools
from daemon.services.request import pull_spec, tools_for
from tests.factories import a_server
from tests.parts.desk import MIB, Desk

OFFICE = (Stretch(begin=time(8), rate=2 * MIB), Stretch(begin=time(18), rate=None))


def rates_at(desk: Desk, tools: BackupTools, hours: tuple[int, ...]) -> list[int | None]:
    """How fast a run of the registered server may pull at these hours, Kyiv's winter time."""
    taken: list[Rate] = []

    def make_pull(journal: object, stop: object, room: object, rate: Rate) -> object:
        taken.append(rate)
        return tools.make_pull(journal, stop, room, rate)  # type: ignore[arg-type]  # as it came

    clock = PinnedClock(desk)
    watched = replace(tools, make_pull=make_pull, clock=clock)  # type: ignore[arg-type]  # likewise
    back_up(watched, "web-1", desk.watcher)
    found = []
    for hour in hours:
        clock.pinned = datetime(2026, 1, 10, hour - 2, 30, tzinfo=UTC)
        found.append(taken[0]())
    return found


class PinnedClock(Clock):
    """The desk's clock, until an instant is set."""

    def __init__(self, desk: Desk) -> None:
        self._clock = desk.tools().clock
        self.pinned: datetime | None = None

    def now(self) -> datetime:
        return self.pinned or self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        pytest.param(None, [2 * MIB, None], id="nobody else limits it"),
        pytest.param(MIB, [MIB, MIB], id="a lower rate of all holds"),
        pytest.param(3 * MIB, [2 * MIB, 3 * MIB], id="each where it is the lower one"),
    ],
)
def test_a_server_is_pulled_at_its_own_rate_of_the_hour(
    desk: Desk, shared: int | None, expected: list[int | None]
) -> None:
    desk.change_server(rates=OFFICE)
    tools = replace(desk.tools(), pull_rate=lambda: shared, timezone="Europe/Kyiv")
    assert rates_at(desk, tools, (9, 19)) == expected


def test_rates_of_the_day_are_no_constant_limit_besides(desk: Desk) -> None:
    server = a_server(rates=OFFICE)
    assert server.bandwidth == 2 * MIB
    assert pull_spec(server, desk.image, desk.folder).bandwidth is None


@pytest.mark.parametrize("choice", [None, *StagingChoice])
def test_a_server_may_say_what_staging_keeps_of_it(
    desk: Desk, choice: StagingChoice | None
) -> None:
    tuning = tools_for(desk.tools(), a_server(staging=choice)).tuning
    assert tuning.staging is (StagingMode.AUTO if choice is None else StagingMode[choice.name])
    assert tuning.pack_size == desk.tools().tuning.pack_size


def test_both_are_kept_with_the_server(desk: Desk) -> None:
    desk.change_server(rates=OFFICE, staging=StagingChoice.WINDOW)
    with desk.units(read_only=True) as unit:
        server = unit.servers.get("web-1")
        (planned,) = unit.planning.servers()
    assert (server.rates, server.staging) == (OFFICE, StagingChoice.WINDOW)
    assert planned.bandwidth == 2 * MIB
