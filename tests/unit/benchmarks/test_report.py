"""The benchmark's report says what was measured, and loses nothing that was measured before."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.capture.contestants import RsyncThenRestic, Step
from tests.benchmarks.capture.machine import without_places
from tests.benchmarks.capture.markdown import table
from tests.benchmarks.capture.measure import CommandFailed
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.record import Entry, Reading, keep, load
from tests.benchmarks.capture.report import render, write_report
from tests.benchmarks.capture.served import Served
from tests.unit.benchmarks.measurements import ORIGIN, case, cost, report, salvage, size


def cells(text: str, *words: str) -> list[str]:
    """Of the first row of a table that has all these words."""
    line = next(
        line
        for line in text.splitlines()
        if line[:1] == "|" and all(word in line for word in words)
    )
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("ours", "said"), [(1.5, "≤ 0.75 reached"), (1.51, "≤ 0.75 MISSED")])
def test_a_goal_stands_beside_its_ratio(ours: float, said: str) -> None:
    """The rival takes 2 seconds."""
    row = cells(render(report(cases=(case(ours=ours),))), "(a) small files")

    assert row[1:5] == [f"{ours:.2f}", "2.00", f"{ours / 2:.2f}", said]


def test_slow_lines_have_a_goal_against_rsync_alone_too() -> None:
    row = cells(render(report(cases=(case(letter="e", ours=1.2, line=200),))), "(e)")

    assert row[4] == "≤ 0.65 reached"
    assert row[6:8] == ["1.20", "≤ 1.08 MISSED"]


def test_how_full_a_line_was_is_told() -> None:
    """25 MB a second fit through; 1 MB came and half of one went in a second."""
    text = render(report(cases=(case(letter="e", ours=1.0, line=200),)))

    assert cells(text, "| lapseguard ")[-2:] == ["4%", "2%"]


def test_the_daemon_stands_beside_the_command_and_never_for_it() -> None:
    both = case(ours=1.6)
    served = Entry(contestant=Served.name, costs=(cost(1.0, waited=0.7),), stored=1000)
    text = render(report(cases=(replace(both, entries=(*both.entries, served)),)))

    row = cells(text, "(a) small files")
    assert (row[1], row[4]) == ("1.60", "≤ 0.75 MISSED")
    assert row[-2:] == ["1.00", "0.50"]
    assert cells(text, Served.name)[-1] == "0.70"


def test_medians_are_told_with_the_least_and_the_most() -> None:
    ours = Entry(contestant=Lapseguard.name, costs=tuple(map(cost, (3.0, 1.0, 1.25))))
    text = render(report(cases=(replace(case(), entries=(ours,)),)))

    assert cells(text, "| lapseguard ")[1:3] == ["1.25", "1.00-3.00"]


def test_another_run_replaces_what_it_has_measured_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    unchanged = case(letter="d", ours=1.1, step=Step.UNCHANGED)
    write_report(report(cases=(case(ours=1.9), unchanged), sizes=(size(times=1, seconds=2),)), path)

    write_report(report(cases=(case(ours=1.2),)), path)

    text = path.read_text()
    assert cells(text, "(a)")[3] == "0.60"
    assert cells(text, "(d)")[3] == "0.55"
    assert "## Memory" in text
    assert text.count("### (a)") == 1


def test_what_was_kept_is_read_as_it_was(tmp_path: Path) -> None:
    reading = Reading(
        what="a tree", verb="restore", theirs=(cost(2.0),), ours=(cost(1.0),), origin=ORIGIN
    )
    whole = report(
        cases=(case(line=200),),
        sizes=(size(times=4, seconds=3),),
        salvages=(salvage(contestant="lapseguard", before=100, restorable=100),),
        readings=(reading,),
        notes=("case e could not be measured",),
    )

    keep(whole, tmp_path / "report.json")

    assert load(tmp_path / "report.json") == whole


def test_a_restore_is_judged_by_its_own_goal() -> None:
    reading = Reading(
        what="a tree", verb="restore", theirs=(cost(2.0),), ours=(cost(1.7),), origin=ORIGIN
    )

    assert cells(render(report(readings=(reading,))), "restore")[3:5] == ["0.85", "≤ 0.80 MISSED"]


@pytest.mark.parametrize(("restorable", "said"), [(95, "reached"), (94, "MISSED")])
def test_salvage_is_judged_by_what_was_there_a_checkpoint_before(
    restorable: int, said: str
) -> None:
    ours = salvage(contestant="lapseguard", before=100, restorable=restorable)

    assert cells(render(report(salvages=(ours,))), "lapseguard")[-1] == said


def test_the_rival_keeps_nothing_before_its_second_step() -> None:
    theirs = salvage(contestant=RsyncThenRestic.name, before=100, restorable=0)

    row = cells(render(report(salvages=(theirs,))), RsyncThenRestic.name)
    assert row[4:7] == ["0.0%", "0.0%", "0.0%"]


def test_the_command_is_told_without_the_places_of_this_machine() -> None:
    words = ["--only", "a", "--report", "/tmp/x.md", "--json=/tmp/y", "--rounds", "2"]  # noqa: S108

    assert without_places(words) == ["--only", "a", "--rounds", "2"]


def test_a_complaint_is_told_in_one_line_and_without_places() -> None:
    error = CommandFailed("restic ended with 1:\n  open /tmp/bench-x1/rig: no such file")

    assert error.brief() == "restic ended with 1: open …: no such file"


def test_a_name_with_bars_in_it_stays_one_cell() -> None:
    assert "tar \\| zstd" in table(("", "n"), [("tar | zstd", "1")])[-1]


@given(st.lists(st.tuples(st.text("ab|", max_size=9), st.text("12", max_size=9)), max_size=5))
def test_all_lines_of_a_table_are_equally_long(rows: list[tuple[str, str]]) -> None:
    assert len({len(line) for line in table(("name", "n"), rows)}) == 1
