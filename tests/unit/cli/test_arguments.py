"""Global options work wherever a person puts them."""

import pytest

from daemon.cli.arguments import bring_forward


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        (["status", "--config", "f"], ["--config", "f", "status"]),
        (["status", "--config=f", "-vv"], ["--config=f", "-vv", "status"]),
        (["-q", "server", "list", "--json"], ["-q", "server", "list", "--json"]),
        (["backup-now", "web", "--version"], ["--version", "backup-now", "web"]),
        (["verify", "--", "-v"], ["verify", "--", "-v"]),
        (["server", "add", "--exclude=-v"], ["server", "add", "--exclude=-v"]),
        (["status", "--config"], ["--config", "status"]),
        (["server", "add", "-version"], ["server", "add", "-version"]),
    ],
)
def test_they_are_brought_forward_and_nothing_else_moves(
    typed: list[str], understood: list[str]
) -> None:
    assert bring_forward(typed) == understood
