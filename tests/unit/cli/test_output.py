"""Figures as people read them, tables that fit."""

from datetime import timedelta

import pytest

from daemon.cli.output import Output, size, span


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (10 * 1024**3, "10.0 GiB"),
        (5 * 1024**5, "5120.0 TiB"),
    ],
)
def test_sizes(count: int | None, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (90061, "1 d 1 h"),
        (86400 + 60, "1 d"),
        (-7200, "-2 h"),
    ],
)
def test_durations(seconds: int, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text


def test_no_table_is_wider_than_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(("name", ">size", "path"), [("[red]x[/red]", "1", "/very/long" * 40)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("[red]x[/red]" in line for line in lines)
