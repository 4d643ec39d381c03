"""What a probe found becomes the commands that make better copies, and no more than these."""

import pytest

from backends.database_probe import DatabaseProbe
from backends.source_probe import SourceProbe, VolumeProbe
from daemon.domain.dump import DatabaseDump
from daemon.domain.freezing import Freezing
from daemon.services.recommendation import missing_snapshots, recommend
from tests.factories import a_server

BTRFS = VolumeProbe(target="/srv", fstype="btrfs", kind="btrfs")
POSTGRES = DatabaseProbe(kind="postgres", seen=(), user="postgres", names=("shop", "wiki"))


def test_what_could_be_frozen_is_to_be_frozen_by_sudo_where_the_login_is_not_root() -> None:
    freeze = "lapseguard server freeze web-1 --snapshot auto"
    sudo = "lapseguard server update web-1 --sudo"

    assert recommend(a_server(), SourceProbe(volumes=(BTRFS,), is_root=True)) == (freeze,)
    assert recommend(a_server(), SourceProbe(volumes=(BTRFS,))) == (sudo, freeze)
    assert recommend(a_server(sudo=True), SourceProbe(volumes=(BTRFS,))) == (freeze,)


def test_nothing_is_recommended_that_is_so_or_cannot_be() -> None:
    live = VolumeProbe(target="/", fstype="ext4", problem="ext4 has no snapshots here")
    frozen = a_server(freezing=Freezing(kind="auto"))

    assert recommend(a_server(), SourceProbe(volumes=(live,))) == ()
    assert recommend(frozen, SourceProbe(volumes=(BTRFS,), is_root=True)) == ()


def test_a_login_that_cannot_freeze_what_its_record_asks_for_is_to_use_sudo() -> None:
    frozen = a_server(freezing=Freezing(kind="auto"))

    (command,) = recommend(frozen, SourceProbe(volumes=(BTRFS,)))
    assert command == "lapseguard server update web-1 --sudo"


@pytest.mark.parametrize(
    ("kind", "faults"), [("auto", ["/ "]), ("btrfs", ["/ "]), ("zfs", ["/ ", "/srv "])]
)
def test_what_is_required_and_cannot_be_frozen_is_a_fault(kind: str, faults: list[str]) -> None:
    live = VolumeProbe(target="/", fstype="ext4", problem="ext4 has no snapshots here")
    found = SourceProbe(volumes=(live, BTRFS))

    said = list(missing_snapshots(a_server(freezing=Freezing(kind=kind, required=True)), found))

    assert [each.partition("cannot be frozen")[0] for each in said] == faults
    assert list(missing_snapshots(a_server(freezing=Freezing(kind=kind)), found)) == []


def test_each_database_of_postgres_and_what_none_of_them_holds_is_to_be_dumped() -> None:
    add = "lapseguard server dump add web-1"

    assert recommend(a_server(), SourceProbe(databases=(POSTGRES,))) == (
        f"{add} postgres-globals --user postgres",
        f"{add} postgres --database shop --user postgres",
        f"{add} postgres --database wiki --user postgres",
    )


def test_databases_that_are_dumped_already_are_left_out() -> None:
    dumps = (
        DatabaseDump(kind="postgres-globals", user="postgres"),
        DatabaseDump(kind="postgres", database="shop", port=5432),
        DatabaseDump(kind="mysql", database="wiki"),
        DatabaseDump(kind="redis", port=6380),
    )
    found = (
        POSTGRES,
        DatabaseProbe(kind="mariadb", seen=(), user="mysql"),
        DatabaseProbe(kind="redis", seen=(), user="redis"),
    )

    assert recommend(a_server(dumps=dumps), SourceProbe(databases=found)) == (
        "lapseguard server dump add web-1 postgres --database wiki --user postgres",
        "lapseguard server dump add web-1 redis",
    )


def test_another_cluster_is_another_server_of_databases() -> None:
    """Also where its databases are called the same, and where it did not tell them."""
    dumps = (DatabaseDump(kind="postgres", database="shop"), DatabaseDump(kind="postgres-globals"))
    second = DatabaseProbe(kind="postgres", seen=(), user="999", port=5433)

    assert recommend(a_server(dumps=dumps), SourceProbe(databases=(second,))) == (
        "lapseguard server dump add web-1 postgres-globals --port 5433",
        "lapseguard server dump add web-1 postgres --database DATABASE --port 5433",
    )


def test_mysql_is_dumped_by_whom_it_lets_in_without_a_password() -> None:
    found = (DatabaseProbe(kind="mysql", seen=(), user="mysql"),)
    add = "lapseguard server dump add web-1 mysql"

    assert recommend(a_server(), SourceProbe(databases=found)) == (f"{add} --user root",)
    assert recommend(a_server(), SourceProbe(databases=found, is_root=True)) == (add,)
