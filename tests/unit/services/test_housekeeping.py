"""What a daemon does besides saving."""

from dataclasses import replace
from pathlib import Path

import structlog

from daemon.domain.outlook import Sample
from daemon.services.housekeeping import Orphans, choose_unmeasured
from tests.unit.services.test_reverification import DAY, outlook

NOBODY: frozenset[str] = frozenset()
SAMPLE = Sample(seconds=1.0, verify_seconds=0.1, bytes=1, new_bytes=1, gap_seconds=None)


def test_the_next_server_to_stop_of_unknown_size_is_asked_first() -> None:
    unknown = [outlook("later", left=2 * DAY), outlook("sooner", left=DAY)]

    assert choose_unmeasured(unknown, NOBODY) == "sooner"
    assert choose_unmeasured(unknown, frozenset({"sooner"})) == "later"


def test_a_server_whose_size_is_known_or_whose_stop_is_not_is_not_asked() -> None:
    known = [
        replace(outlook("saved before"), samples=(SAMPLE,)),
        replace(outlook("asked before"), measured_bytes=7),
        replace(outlook("without a contract"), life=None),
    ]

    assert choose_unmeasured(known, NOBODY) is None


def test_the_staging_of_a_removed_server_is_told_of_once_and_stays(tmp_path: Path) -> None:
    for name in ("web-1", "removed"):
        (tmp_path / name).mkdir()
    orphans = Orphans()
    with structlog.testing.capture_logs() as logs:
        orphans.tell(tmp_path, frozenset({"web-1"}))
        orphans.tell(tmp_path, frozenset({"web-1"}))
    assert [event["folder"] for event in logs] == [str(tmp_path / "removed")]
    assert (tmp_path / "removed").is_dir()


def test_without_staging_there_are_no_orphans(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        Orphans().tell(tmp_path / "missing", frozenset())
    assert logs == []
