"""Events reach people and machines, and carry no secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from daemon.secrets import Secret
from daemon.telemetry import configure_logging, wants_json


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


HIDDEN = {"secret_access_key": "hunter2"}


def logged(verbosity: int, *, as_json: bool) -> str:
    stream = io.StringIO()
    configure_logging(verbosity=verbosity, as_json=as_json, stream=stream)
    logger = structlog.get_logger()
    logger.debug("pack.uploaded", size=3)
    logger.info("run.claimed", run="r1", key=Secret("hunter2"), **HIDDEN)
    logger.warning("file.skipped", path=b"a\nrun.verified", name="a\x1b[2J")
    logging.getLogger("botocore").info("signing with hunter2")
    logging.getLogger("botocore").warning("slow")
    return stream.getvalue()


@pytest.mark.parametrize(("verbosity", "events"), [(-1, 0), (0, 2), (1, 3), (2, 4)])
def test_people_see_more_with_each_v(verbosity: int, events: int) -> None:
    assert len(logged(verbosity, as_json=False).splitlines()) == events


def test_the_journal_gets_one_json_object_a_line_without_being_asked() -> None:
    lines = [json.loads(line) for line in logged(0, as_json=True).splitlines()]
    assert [line["event"] for line in lines] == ["run.claimed", "file.skipped", "slow"]
    assert lines[0]["run"] == "r1"
    assert lines[0]["level"] == "info"


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_is_logged_at_any_level(*, as_json: bool) -> None:
    assert "hunter2" not in logged(2, as_json=as_json)


def test_a_file_name_cannot_forge_a_line_or_reach_the_terminal() -> None:
    said = logged(0, as_json=False)
    assert "\x1b[2J" not in said
    assert not any(line.startswith("run.verified") for line in said.splitlines())


@pytest.mark.parametrize(
    ("variables", "terminal", "expected"),
    [
        ({"JOURNAL_STREAM": "8:1"}, False, True),
        ({"INVOCATION_ID": "x"}, True, False),
        ({}, False, False),
    ],
)
def test_json_is_for_services(*, variables: dict[str, str], terminal: bool, expected: bool) -> None:
    assert wants_json(variables, terminal=terminal) is expected
