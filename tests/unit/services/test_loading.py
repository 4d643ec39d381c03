"""What a person is told about loading dumps that were restored."""

import pytest

from daemon.domain.beside import Beside, DumpFact
from daemon.services.loading import loadings
from tests.factories import NOW, digest

DUMPS = "/.lapseguard/dumps"


def a_dump(name: str, kind: str = "postgres", load: str = "pg_restore FILE") -> DumpFact:
    return DumpFact(
        name=name,
        kind=kind,
        path=f"{DUMPS}/{name}",
        load=load,
        size=1,
        sha256=digest(name),
        taken_at=NOW,
    )


def test_the_command_names_the_file_where_it_was_restored_safely_for_a_shell() -> None:
    (found,) = loadings(Beside(dumps=(a_dump("shop"),)), "/my restore/")

    assert found.path == f"/my restore{DUMPS}/shop"
    assert found.command == f"pg_restore '/my restore{DUMPS}/shop'"


def test_roles_are_loaded_before_the_databases_that_belong_to_them() -> None:
    beside = Beside(dumps=(a_dump("shop"), a_dump("roles", "postgres-globals", "psql -f FILE")))

    assert [found.dump.name for found in loadings(beside, "/")] == ["roles", "shop"]


def test_a_dump_that_there_is_not_is_not_loaded() -> None:
    missing = DumpFact(name="a", kind="sqlite", path=f"{DUMPS}/a", load="x FILE", problem="gone")

    assert loadings(Beside(dumps=(missing,)), "/") == ()


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ({"include": (b"/srv",)}, []),
        ({"include": (b"/.lapseguard/dumps/b",)}, ["b"]),
        ({"include": (b"/.lapseguard",)}, ["a", "b"]),
        ({"include": (b"/**/b",)}, ["b"]),
        ({"exclude": (b"/.lapseguard/dumps/a",)}, ["b"]),
        ({"exclude": (b"/.lapseguard",)}, []),
        ({}, ["a", "b"]),
    ],
)
def test_only_what_is_restored_is_to_be_loaded(
    patterns: dict[str, tuple[bytes, ...]], expected: list[str]
) -> None:
    beside = Beside(dumps=(a_dump("a"), a_dump("b")))

    assert [found.dump.name for found in loadings(beside, "/", **patterns)] == expected
