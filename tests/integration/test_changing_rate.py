"""Limits that change while a pull is under way, with a real rsync."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.rsync.pull import RsyncPull
from backends.types import Arrival, PullSpec
from tests.parts.requirement import require_program
from tests.throwaway_sshd import Sshd

SLOW, SIZE = 256 << 10, 12 << 20


@pytest.fixture
def host(make_sshd: Callable[..., Sshd]) -> Sshd:
    require_program("rsync", "rsync")
    return make_sshd()


def rates(*given: int | None) -> Callable[[], int | None]:
    """Each for one question, the last one for ever."""
    left: Iterator[int | None] = iter(given)
    return lambda: next(left, given[-1])


def make_source(folder: Path) -> dict[str, bytes]:
    chance = random.Random(4)  # noqa: S311 - repeatable test data
    content = {f"{number:03}": chance.randbytes(600) for number in range(300)}
    content["large"] = chance.randbytes(SIZE)
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return content


def logins(host: Sshd) -> int:
    return host.log.read_text().count("Accepted publickey")


def test_a_pull_goes_on_at_the_new_rate_and_misses_nothing(host: Sshd, tmp_path: Path) -> None:
    """At the first rate it would take the better part of a minute."""
    content = make_source(tmp_path / "source")
    staging, arrivals, before = tmp_path / "staging/image", list[Arrival](), logins(host)
    spec = PullSpec(target=host.target(), paths=(str(tmp_path / "source"),), staging=str(staging))

    report = RsyncPull(rate=rates(SLOW, None)).pull(spec, arrivals.append)

    image = staging / (tmp_path / "source").relative_to("/")
    assert report.complete
    assert {path.name: path.read_bytes() for path in image.iterdir()} == content
    assert sorted(Path(arrival.path.decode()).name for arrival in arrivals) == sorted(content)
    assert logins(host) == before + 2
    assert report.changed is None, "lines of the ended rsync may be missing"


def test_a_rate_that_stays_interrupts_nothing(host: Sshd, tmp_path: Path) -> None:
    make_source(tmp_path / "source")
    before = logins(host)
    spec = PullSpec(
        target=host.target(),
        paths=(str(tmp_path / "source"),),
        staging=str(tmp_path / "staging/image"),
    )

    report = RsyncPull(rate=rates(SIZE // 2)).pull(spec, lambda _: None)

    assert report.complete
    assert logins(host) == before + 1
