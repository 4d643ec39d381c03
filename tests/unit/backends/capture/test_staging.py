"""What staging remembers of a run that broke off."""

from pathlib import Path

import pytest

from backends.capture.staging import Staging
from backends.errors import LocalPathUnusable

LINE = b">f+++++++++ 7 7 0123456789abcdef0123456789abcdef srv/%s\n"


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    staging = Staging(tmp_path / "web-1")
    staging.prepare()
    return staging


def again(staging: Staging) -> Staging:
    """The next run's view."""
    after = Staging(staging.root)
    after.prepare()
    return after


def arrived(staging: Staging) -> list[bytes]:
    return [arrival.path for arrival in staging.interrupted_arrivals()]


def test_a_first_run_follows_no_other(staging: Staging) -> None:
    assert not staging.is_interrupted
    assert arrived(staging) == []


def test_a_run_that_broke_off_has_left_its_lines(staging: Staging) -> None:
    with staging.open_journal() as journal:
        journal.write(LINE % b"a" + LINE % b"b")
    assert again(staging).is_interrupted
    assert arrived(again(staging)) == [b"srv/a", b"srv/b"]


def test_a_run_that_got_nothing_leaves_nothing(staging: Staging) -> None:
    with staging.open_journal():
        pass
    assert not again(staging).is_interrupted


def test_an_orderly_end_is_remembered_by_nobody(staging: Staging) -> None:
    with staging.open_journal() as journal:
        journal.write(LINE % b"a")
    staging.forget_journal()
    assert not again(staging).is_interrupted


def test_half_a_line_names_nothing_and_spoils_no_later_one(staging: Staging) -> None:
    """A line that names srv/10 must not be taken for one of srv/1."""
    with staging.open_journal() as journal:
        journal.write(LINE % b"a" + (LINE % b"10")[:-2])
    second = again(staging)
    assert arrived(second) == [b"srv/a"]
    with second.open_journal() as journal:
        journal.write(LINE % b"c")
    assert arrived(second) == [b"srv/a"]
    assert arrived(again(staging)) == [b"srv/a", b"srv/c"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalPathUnusable, match="file/web-1"):
        Staging(tmp_path / "file" / "web-1").prepare()
