"""A server's databases and its passport: saved with its files, shown, restored, loaded again."""

import json
import shlex
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.parts.databases import PostgresCluster
from tests.parts.installation import Install, Installation
from tests.parts.moving import connect, is_of_one_instant, moving_postgres, moving_sqlite
from tests.parts.requirement import require_program
from tests.parts.restic import Restic
from tests.parts.sshd import Sshd

DUMPS = ".lapseguard/dumps"


@dataclass(frozen=True, kw_only=True)
class Saved:
    """An installation that saved databases under load, once."""

    installation: Installation
    cluster: PostgresCluster
    run: dict[str, Any]

    def show(self) -> dict[str, Any]:
        manifest: dict[str, Any] = self.installation.program.ask("show", self.run["run"])[
            "manifest"
        ]
        return manifest

    def load(self, command: str, folder: Path) -> None:
        """Run a line that was printed for a person, with the database's place in the variables."""
        subprocess.run(
            ["sh", "-euc", command],
            env={
                "PATH": f"{self.cluster.programs}:/usr/bin:/bin",
                "PGHOST": str(self.cluster.folder),
                "PGUSER": "lapseguard",
            },
            cwd=folder,
            check=True,
            capture_output=True,
        )


def add_dump(installation: Installation, kind: str, *words: str) -> None:
    installation.program.do("server", "dump", "add", installation.name, kind, *words)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("hello")
    return folder


@pytest.fixture(scope="module")
def saved(
    install: Install,
    postgres_cluster: PostgresCluster,
    source: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Saved:
    """Look, do not change."""
    require_program("sqlite3", "sqlite3")
    installation = install(passport=True)
    installation.enrol(source)
    live = tmp_path_factory.mktemp("database") / "live.db"
    login = ("--role", "lapseguard", "--host", str(postgres_cluster.folder))
    add_dump(installation, "sqlite", "--path", str(live), "--name", "live.sql")
    add_dump(installation, "postgres", "--database", "shop", *login)
    add_dump(installation, "postgres-globals", *login)
    with moving_sqlite(live), moving_postgres(postgres_cluster, "shop"):
        run = installation.back_up("--depth", "restored")
    return Saved(installation=installation, cluster=postgres_cluster, run=run)


def test_show_lists_the_dumps_and_what_they_are_worth(saved: Saved) -> None:
    shown = saved.show()

    names = [dump["name"] for dump in shown["dumps"]]
    assert names == ["live.sql", "postgres-shop.pgdump", "postgres-globals.sql"]
    for dump in shown["dumps"]:
        assert dump["path"] == f"/{DUMPS}/{dump['name']}"
        assert (dump["consistency"], dump["problem"]) == ("application", None)
        assert dump["size"] > 0
        assert saved.run["started_at"] <= dump["taken_at"] <= saved.run["finished_at"]
    assert (saved.run["state"], saved.run["verification"]["matches_source"]) == ("verified", True)
    text = saved.installation.program.do("show", saved.run["run"])
    assert f"/{DUMPS}/live.sql: sqlite" in text


def test_a_dry_run_says_which_commands_the_login_must_be_allowed(saved: Saved) -> None:
    (preview,) = saved.installation.program.ask("backup-now", saved.installation.name, "--dry-run")

    commands = {dump["name"]: dump["command"] for dump in preview["dumps"]}
    assert commands["postgres-globals.sql"] == (
        "pg_dumpall --globals-only --no-password --username=lapseguard "
        f"--host={saved.cluster.folder}"
    )
    assert commands["postgres-shop.pgdump"].startswith("pg_dump --format=custom ")


def test_show_prints_the_passport_out_of_the_repository(saved: Saved) -> None:
    text = saved.installation.program.do("show", saved.run["run"], "--passport")
    document = saved.installation.program.ask("show", saved.run["run"], "--passport")

    assert text.startswith(f"Passport of {saved.installation.name}, ")
    assert "root:x:0:0" in text
    assert document["text"] == text
    assert document["path"] == "/.lapseguard/passport.txt"
    assert document["gaps"] == saved.show()["passport"]["gaps"]
    assert "users" not in document["gaps"]


def test_what_a_restore_prints_loads_the_databases_as_of_one_instant(
    saved: Saved, tmp_path: Path
) -> None:
    target = tmp_path / "my restore"
    document = json.loads(
        saved.installation.program.do(
            "restore", saved.run["run"], "--target", str(target), "--json"
        )
    )
    lines = {dump["name"]: dump["load"] for dump in document["dumps"]}
    assert next(iter(lines)) == "postgres-globals.sql", "roles come first"

    saved.load(lines["live.sql"].replace("NEW.db", "again.db"), tmp_path)
    saved.load(lines["postgres-shop.pgdump"], tmp_path)

    with closing(sqlite3.connect(tmp_path / "again.db")) as database:
        assert is_of_one_instant(database)
    try:
        with connect(saved.cluster, "shop") as database:
            assert is_of_one_instant(database)
    finally:
        saved.cluster.execute("DROP DATABASE shop WITH (FORCE)")
    roles = (target / DUMPS / "postgres-globals.sql").read_text()
    assert "CREATE ROLE lapseguard" in roles
    assert "psql --file=" in lines["postgres-globals.sql"]


def test_a_restore_of_one_dump_says_how_to_load_that_one_beforehand_too(
    saved: Saved, tmp_path: Path
) -> None:
    wanted = ("--include", f"/{DUMPS}/live.sql")
    options = ("restore", saved.run["run"], "--target", str(tmp_path / "one"), *wanted)
    line = f"sqlite3 NEW.db < {shlex.quote(str(tmp_path / 'one' / DUMPS / 'live.sql'))}"

    foreseen = saved.installation.program.do(*options, "--dry-run")
    (there,) = saved.installation.program.ask(
        *("restore", saved.run["run"], "--to", "root@[::1]:/new", "--dry-run", *wanted)
    )["dumps"]
    done = saved.installation.program.do(*options)

    assert there["path"] == f"/new/{DUMPS}/live.sql"
    assert line in foreseen
    assert line in done
    assert "pg_restore" not in foreseen + done
    assert [path for path in (tmp_path / "one").rglob("*") if path.is_file()] == [
        tmp_path / "one" / DUMPS / "live.sql"
    ]


def test_stock_restic_finds_the_dumps_and_all_of_it_sound(
    saved: Saved, restic: Restic, tmp_path: Path
) -> None:
    saved.installation.restic(restic, "check", "--read-data")
    saved.installation.restic(
        restic, "restore", "latest", "--target", str(tmp_path), "--include", f"/{DUMPS}"
    )

    for dump in saved.show()["dumps"]:
        assert (tmp_path / DUMPS / dump["name"]).stat().st_size == dump["size"]
    assert (tmp_path / DUMPS / "live.sql").stat().st_mode & 0o777 == 0o600


def test_a_failing_dump_leaves_a_run_that_is_incomplete_and_says_why(
    install: Install, source: Path
) -> None:
    installation = install()
    installation.enrol(source)
    add_dump(installation, "command", "--name", "gone.sql", "--", "false")
    add_dump(installation, "command", "--name", "there.txt", "--", "echo", "there")

    ended = installation.program.run("backup-now", installation.name)

    assert ended.exit_code == 3
    assert "gone.sql ended with 1" in ended.err
    row = installation.latest()
    assert (row["state"], row["error"]["code"]) == ("partial", "RunIncomplete")
    dumps = installation.program.ask("show", row["run"])["manifest"]["dumps"]
    assert "`false` for gone.sql ended with 1" in dumps[0]["problem"]
    assert dumps[1]["problem"] is None
    assert "MISSING" in installation.program.do("show", row["run"])


def test_a_run_killed_while_it_dumps_is_followed_by_one_that_is_whole(
    install: Install, source: Path, tmp_path: Path, restic: Restic
) -> None:
    installation = install()
    installation.enrol(source)
    begun, may_end = tmp_path / "begun", tmp_path / "may-end"
    script = f"echo first; touch {begun}; until test -e {may_end}; do sleep 0.1; done; echo last"
    add_dump(installation, "command", "--name", "slow.txt", "--", "sh", "-c", script)
    with installation.program.start("backup-now", installation.name) as process:
        while not begun.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.kill()
        process.communicate()
    may_end.touch()

    row = installation.back_up()

    assert row["state"] == "verified"
    restored = installation.restore(tmp_path / "restored")
    assert (restored / DUMPS / "slow.txt").read_text() == "first\nlast\n"
    installation.restic(restic, "check", "--read-data")


def test_staging_that_keeps_nothing_has_the_dumps_all_the_same(
    install: Install, source: Path, tmp_path: Path
) -> None:
    installation = install()
    (installation.program.folder / "conf.d/window.toml").write_text(
        '[defaults]\nstaging = "window"\nwindow = "64MiB"\n'
    )
    installation.enrol(source)
    add_dump(installation, "command", "--name", "one", "--", "echo", "one")
    installation.back_up()

    installation.back_up()

    restored = installation.restore(tmp_path / "restored")
    assert (restored / DUMPS / "one").read_text() == "one\n"
    assert (restored / source.relative_to("/") / "index.html").read_text() == "hello"


#: Runs rsync, and nothing else.
ONLY_RSYNC = 'case "$SSH_ORIGINAL_COMMAND" in rsync*) exec sh -c "$SSH_ORIGINAL_COMMAND";; esac'


def test_a_login_that_runs_only_rsync_is_saved_whole_with_a_passport_of_gaps(
    install: Install, make_sshd: Callable[..., Sshd], source: Path
) -> None:
    installation = install(host=make_sshd(forced_command=ONLY_RSYNC), passport=True)
    installation.enrol(source)

    row = installation.back_up()

    assert row["state"] == "verified"
    text = installation.program.do("show", row["run"], "--passport")
    assert "the login may not run commands" in text
