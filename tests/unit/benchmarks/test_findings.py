"""What the report makes of profiles, sizes and trees."""

import io
import os
import random
from pathlib import Path

import pytest

from tests.benchmarks.capture import profile as profiling
from tests.benchmarks.capture.contestants import RsyncThenRestic, Step
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.processes import below, processes
from tests.benchmarks.capture.profile import hottest
from tests.benchmarks.capture.record import Lap, Peak, Profile, Report, Side, Spot
from tests.benchmarks.capture.report import render
from tests.benchmarks.capture.size_tables import slope
from tests.benchmarks.capture.sizes import NOTHING
from tests.benchmarks.capture.trees import MIB, _prolong
from tests.unit.benchmarks.measurements import MACHINE, ORIGIN, report, size

PEAK = Peak(everything=250_000_000, own=200_000_000, theirs=50_000_000)


def profiled(own: float, others: float) -> Report:
    """Of a run of ours of 3 seconds beside one of the rival of 4."""
    sides = (
        Side(
            contestant=RsyncThenRestic.name,
            seconds=4.0,
            programs=((profiling.OWN, 5.0),),
            peak=PEAK,
        ),
        Side(
            contestant=Lapseguard.name,
            seconds=3.0,
            programs=((profiling.OWN, own), (profiling.SSHD, others)),
            peak=PEAK,
        ),
    )
    found = Profile(
        tree="small files",
        step=Step.FIRST,
        sides=sides,
        laps=(Lap(name="run.pulling", seconds=2.5, ours=own, others=others),),
        spots=(Spot(place="pack (packing.py)", itself=0.25, below=0.5),),
        origin=ORIGIN,
    )
    return report(profiles=(found,))


def test_a_profile_says_what_would_be_left_without_our_own_work() -> None:
    """4 seconds of others on 2 cores take 2 seconds: half of the rival's 4."""
    text = render(profiled(own=1.0, others=4.0))

    assert "20% is our own" in text
    assert "busy for 2.00 s, 0.50 of rsync + restic" in text
    assert "25.0%  50.0%  pack (packing.py)" in text
    assert text.count(" 250 |") == 2


def test_functions_are_ranked_by_the_samples_in_which_they_were_at_work() -> None:
    stacks = (
        "main (daemon/app.py:10);pack (backends/packing.py:5) 6\n"
        "main (daemon/app.py:11);pack (backends/packing.py:9) 2\n"
        "main (daemon/app.py:12) 2\n"
        "main (daemon/app.py:12);Condition.wait (threading.py:320) 90"
    )

    pack, main = hottest(stacks)

    assert (pack.place, pack.itself, pack.below) == ("pack (backends/packing.py)", 0.8, 0.8)
    assert (main.place, main.itself, main.below) == ("main (daemon/app.py)", 0.2, 1.0)


def test_functions_are_told_without_the_folders_of_this_machine() -> None:
    (spot,) = hottest(f"pack ({Path.cwd()}/backends/packing.py:5) 1")

    assert spot.place == "pack (backends/packing.py)"


def test_memory_that_grows_with_the_data_is_not_flat() -> None:
    grown = tuple(size(times=times, seconds=1, peak=int(times * 5e7)) for times in (1.0, 4.0))
    level = tuple(size(times=times, seconds=1, peak=int(2e8)) for times in (1.0, 4.0))

    assert "takes 4.00 of the memory; flat: ≤ 1.10 MISSED" in render(report(sizes=grown))
    assert "takes 1.00 of the memory; flat: ≤ 1.10 reached" in render(report(sizes=level))


def test_memory_is_judged_by_the_limit() -> None:
    text = render(report(sizes=(size(times=1, seconds=1, peak=300_000_000),)))

    assert "MISSED" in text


def test_growth_is_what_is_left_without_a_run_that_saves_nothing() -> None:
    """4000 files take 9 - 1 seconds, 1000 take 2 - 1: twice as much for each."""
    sizes = (
        size(times=0.0, seconds=1.0, tree=NOTHING),
        size(times=1.0, seconds=2.0),
        size(times=4.0, seconds=9.0),
    )

    text = render(report(sizes=sizes))

    assert "4.00 times as much takes 8.00 times the seconds" in text
    bars = [line.count("█") for line in text.splitlines() if " files  " in line and "µs" in line]
    assert bars[:2] == [20, 40]


def test_a_straight_line_is_found_again() -> None:
    begin, rise = slope([(1, 5.0), (2, 7.0), (4, 11.0)])

    assert begin == pytest.approx(3.0)
    assert rise == pytest.approx(2.0)


def test_a_tree_that_is_made_longer_repeats_nothing() -> None:
    file = io.BytesIO(random.Random(1).randbytes(2 * MIB))  # noqa: S311 - only has to be noise

    _prolong(file, 2 * MIB, 5 * MIB)

    content = file.getvalue()
    assert len({content[start : start + MIB] for start in range(0, 5 * MIB, MIB)}) == 5


def test_this_process_is_among_those_below_its_parent() -> None:
    there = processes()
    (mine,) = (each for each in there.values() if each.pid == os.getpid())

    assert mine in below(there, (mine.parent,))


def test_a_report_of_nothing_is_only_of_the_machine() -> None:
    assert render(Report(machine=MACHINE)).splitlines()[-1].startswith("2 cores, 24.0 GB")
