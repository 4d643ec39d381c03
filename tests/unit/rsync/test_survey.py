"""Whether all that staging held was named, as far as that can be told."""

from pathlib import Path

from backends.rsync.pathset import PathSet
from backends.rsync.survey import Survey


def is_within(image: Path, paths: tuple[str, ...], *names: bytes) -> bool:
    named = PathSet()
    named.add(names)
    with Survey(str(image), paths) as survey:
        pass
    return survey.is_within(named)


def make(image: Path, *names: str) -> None:
    for name in names:
        (image / name).parent.mkdir(parents=True, exist_ok=True)
        (image / name).touch()


def test_what_is_not_named_is_noticed_however_deep(tmp_path: Path) -> None:
    make(tmp_path, "srv/a", "srv/sub/deep/b")
    names = (b"srv/a", b"srv/sub", b"srv/sub/deep", b"srv/sub/deep/b")

    assert is_within(tmp_path, ("/srv",), *names, b"srv/new")
    for name in names:
        assert not is_within(tmp_path, ("/srv",), *(other for other in names if other != name))


def test_only_the_paths_asked_for_count(tmp_path: Path) -> None:
    make(tmp_path, "srv/www/a", "srv/db/b", "srv/db/sub/c")

    assert is_within(tmp_path, ("/srv/www",), b"srv/www/a")
    assert not is_within(tmp_path, ("/",), b"srv", b"srv/www", b"srv/www/a", b"srv/db")


def test_what_could_not_be_looked_at_is_not_taken_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "srv").symlink_to("srv")

    assert not is_within(tmp_path, ("/srv",), b"srv")


def test_a_survey_that_was_ended_knows_nothing(tmp_path: Path) -> None:
    make(tmp_path, "srv/a")
    survey = Survey(str(tmp_path), ("/srv",))
    survey.end()
    with survey:
        pass

    assert not survey.is_within(PathSet())
