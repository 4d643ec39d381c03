"""A pull begins while the repository is still being opened, and nothing is lost by that."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backends.errors import WrongPassword
from backends.types import ObjectInfo, PullSpec
from daemon.domain.run import RunState
from daemon.secrets import Secret
from tests.parts.desk import Desk, WilfulStore
from tests.parts.folder_pull import put
from tests.parts.repository import make_repository

#: Far more than a thread takes to begin.
PATIENCE = 20.0


class Heard(list[Any]):
    """What a pull has told, and a way to wait until that is enough."""

    def __init__(self, enough: int = 1) -> None:
        super().__init__()
        self.left = enough
        self.enough = threading.Event()

    def append(self, each: object) -> None:
        super().append(each)
        self.left -= 1
        if self.left == 0:
            self.enough.set()


class SlowStore(WilfulStore):
    """Does not say what it has before `until` is set."""

    def __init__(self, until: threading.Event) -> None:
        super().__init__()
        self.until = until
        self.patience = PATIENCE
        self.came = False
        self.looked: Callable[[], None] = lambda: None

    def stat(self, key: str) -> ObjectInfo:
        if key == "config":
            self.came = self.until.wait(self.patience)
            self.looked()
        return super().stat(key)


def test_the_server_is_asked_before_the_store_has_answered(desk: Desk) -> None:
    asked = Heard()
    desk.store = store = SlowStore(asked.enough)
    make_repository(store)
    run = desk.back_up(asked=asked)
    assert (store.came, len(asked), run.state) == (True, 1, RunState.VERIFIED)
    assert set(desk.saved(run)) == {"srv/0", "srv/1", "srv/2", "srv/3"}
    assert desk.matches_source()


def test_what_has_arrived_is_not_sent_again_if_the_repository_does_not_open(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, again = Heard(4), list[str]()

    def wrong_password() -> Secret:
        assert sent.enough.wait(PATIENCE)
        return Secret("another")

    wrong = replace(desk.destination, read_password=wrong_password)
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "destination", property(lambda _: wrong))
        with pytest.raises(WrongPassword):
            desk.back_up(sent=sent, ahead=True)
    assert desk.store.names("snapshots/") == []
    run = desk.back_up(sent=again)
    assert (again, run.state, run.files) == ([], RunState.VERIFIED, 4)
    assert desk.matches_source()


def test_an_image_whose_repository_is_gone_is_compared_with_the_server_again(desk: Desk) -> None:
    desk.back_up()
    put(desk.source / "srv/new", b"new")
    desk.store = WilfulStore()
    make_repository(desk.store)
    asked, sent = list[PullSpec](), list[str]()
    run = desk.back_up(asked=asked, sent=sent)
    # What had begun is ended; then everything is sent of which no checksum is known.
    assert len(asked) == 2
    assert set(sent) >= {"srv/0", "srv/1", "srv/2", "srv/3"}
    assert (run.state, run.files) == (RunState.VERIFIED, 5)
    assert desk.matches_source()


def test_a_disk_that_is_nearly_full_waits_for_what_the_repository_has(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(desk.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 << 30))
    asked = list[PullSpec]()
    desk.store = store = SlowStore(threading.Event())
    store.patience = 0.2
    make_repository(store)
    seen: list[int] = []
    store.looked = lambda: seen.append(len(asked))
    run = desk.back_up(asked=asked)
    assert (max(seen), len(asked), run.state) == (0, 1, RunState.VERIFIED)


def test_a_server_with_precious_paths_is_asked_for_them_first(desk: Desk) -> None:
    desk.change_server(priority=("/srv/2",))
    asked = list[PullSpec]()
    desk.back_up(asked=asked)
    assert [spec.only for spec in asked] == [("/srv/2",), ()]
