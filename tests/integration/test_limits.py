"""The limits of the settings reach what they limit, and a run under way hears of new ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.bootstrap import Application, destination, start
from daemon.settings import load_configuration
from tests.parts.program import Program

KIB = 1024
#: At the limits of these tests the time that a test takes does not matter.
OBJECT = bytes(8 << 20)


def limited(program: Program, everything: str, store: str) -> None:
    """Put these limits into the settings."""
    text = program.settings.read_text()
    before, _, after = text.partition("[stores.main]\n")
    program.settings.write_text(
        f'{before}[stores.main]\nbandwidth = "{store}"\n{after}\n'
        f'[planning]\nbandwidth = "{everything}"\n'
    )


@pytest.fixture
def application(installed: Program) -> Iterator[Application]:
    limited(installed, "32 KiB", "16 KiB")
    found = start(load_configuration(installed.settings))
    yield found
    found.close()


def debts(application: Application) -> list[float]:
    return [bucket.due() for bucket in application.pacing.uploads("main")]


def test_what_a_run_sends_to_its_store_counts_towards_both_limits(
    application: Application,
) -> None:
    place = destination(application, "main", "web-1")

    place.store.put("data/" + "0" * 64, OBJECT)

    everything, store = debts(application)
    assert 200 < everything <= 256
    assert 450 < store <= 512


def test_a_restore_is_held_up_by_nothing(application: Application) -> None:
    place = destination(application, "main", "web-1", paced=False)

    place.store.put("data/" + "0" * 64, OBJECT)

    assert debts(application) == [0, 0]


def test_settings_that_are_read_again_hold_for_runs_under_way(
    application: Application, installed: Program
) -> None:
    rate, share = (application.pacing.pull_rate("main", given) for given in (None, 20 * KIB))
    assert (rate(), share()) == (16 * KIB, 20 * KIB)
    text = installed.settings.read_text()
    installed.settings.write_text(text.replace("32 KiB", "8 KiB"))

    application.reconfigured(load_configuration(Path(installed.settings)))

    assert rate() == 8 * KIB
