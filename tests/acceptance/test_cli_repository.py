"""Any restic repository, opened from the command line with nothing but its URL and password."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from backends.repository.index import load_index_object
from backends.repository.lock import hold_lock
from backends.repository.pack import pack_key
from backends.repository.snapshot import list_snapshots
from backends.repository.unpacked import ObjectKind, list_unpacked
from backends.types import BlobKind
from tests.parts.object_servers import READER_KEY, SeaweedServer, free_ports
from tests.parts.program import Ended, Program
from tests.parts.restic import Restic
from tests.parts.restic_repositories import ResticRepository
from tests.parts.tree_comparison import compare_trees

NOISE = os.urandom(40_000)


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was saved: a tree with a link, a hard link, an odd name and a pipe."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "below").mkdir()
    (folder / "below" / "noise").write_bytes(NOISE)
    (folder / "text").write_text("and so on\n" * 500)
    (folder / "twin").hardlink_to(folder / "text")
    (folder / "two\nlines \u202e").write_text("odd")
    (folder / "link").symlink_to("text")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture(scope="module", params=["version 1", "version 2"])
def written(
    request: pytest.FixtureRequest,
    new_restic_repository: Callable[[str], ResticRepository],
    source: Path,
) -> ResticRepository:
    """Two snapshots by stock restic: of half the tree on one host, of all of it on another."""
    repository: ResticRepository = new_restic_repository(request.param)
    repository.run(
        "backup", str(source / "below"), "--host", "old-1", "--time", "2024-01-01 00:00:00"
    )
    repository.run("backup", str(source), "--host", "web-1", "--tag", "weekly")
    return repository


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A person with a repository and its password, and no installation."""

    program: Program
    files: ResticRepository

    @property
    def place(self) -> Path:
        return self.files.place

    @property
    def password_file(self) -> Path:
        return self.program.folder / "password"

    def words(self, command: str, *words: str) -> tuple[str, ...]:
        url = str(self.place)
        opening = ("--password-file", str(self.password_file))
        return ("repository", *command.split(), url, *opening, *words)

    def run(self, command: str, *words: str) -> Ended:
        return self.program.run(*self.words(command, *words))

    def ask(self, command: str, *words: str, exit_code: int = 0) -> Any:
        ended = self.run(command, *words, "--json")
        assert ended.exit_code == exit_code, ended.err + ended.out
        return ended.document

    def fail(self, command: str, *words: str, exit_code: int = 2) -> dict[str, str]:
        return self.program.fail(*self.words(command, *words), exit_code=exit_code)

    def everything(self) -> set[Path]:
        return set(self.place.rglob("*"))

    def damage(self, key: str, position: int | None = None) -> str:
        """Flip a bit of an object, or take it away; gives its name back."""
        path = self.place / key
        path.chmod(0o600)
        if position is None:
            path.unlink()
            return key
        content = bytearray(path.read_bytes())
        content[position] ^= 0x10
        path.write_bytes(content)
        return key

    def pack_of(self, name: bytes) -> str:
        """The pack with the content of a file of the newest snapshot."""
        reader = self.files.reader()
        for walked in reader.walk(list_snapshots(self.files.open())[-1].tree):
            if walked.node.name == name:
                return pack_key(reader.index.lookup(BlobKind.DATA, walked.node.content[0])[0].pack)
        raise AssertionError


@pytest.fixture
def visitor(program: Program, written: ResticRepository, tmp_path: Path) -> Visitor:
    """With a copy of the repository that may be damaged."""
    private(tmp_path / "password", written.password)
    return Visitor(program=program, files=written.copy(tmp_path / "repository"))


def test_snapshots_are_listed_as_restic_lists_them(visitor: Visitor, restic: Restic) -> None:
    said = restic.documents(str(visitor.place), visitor.files.password, "snapshots")
    ours = visitor.ask("snapshots")
    same = ("hostname", "username", "tree")
    assert [each["snapshot"] for each in ours] == [each["id"] for each in said]
    for mine, theirs in zip(ours, said, strict=True):
        assert {key: mine[key] for key in same} == {key: theirs[key] for key in same}
        assert mine["paths"] == theirs["paths"]
        assert mine["tags"] == theirs.get("tags", [])
    assert [each["hostname"] for each in ours] == ["old-1", "web-1"]
    assert visitor.ask("snapshots", "--host", "web-1") == ours[1:]
    table = visitor.run("snapshots").out
    assert ours[1]["snapshot"][:8] in table
    assert "weekly" in table
    assert max(map(len, table.splitlines())) <= 100


def test_no_installation_is_needed_and_none_is_made(visitor: Visitor) -> None:
    before = visitor.everything()
    assert visitor.run("check").exit_code == 0
    assert not visitor.program.settings.exists()
    assert not visitor.program.state.exists()
    assert visitor.everything() == before


def test_a_sound_repository_is_called_sound(visitor: Visitor) -> None:
    report = visitor.ask("check", "--read-data")
    assert report["sound"] is True
    assert (report["problems"], report["hints"], report["unlisted"]) == ([], [], 0)
    assert report["snapshots"] == 2
    assert report["read_bytes"] == sum(
        path.stat().st_size for path in (visitor.place / "data").rglob("*") if path.is_file()
    )
    assert "The repository is sound." in visitor.run("check", "--read-data").out
    assert "--read-data looks into the packs as well" in visitor.run("check").out


def test_a_flipped_bit_is_found_by_reading_with_the_file_that_it_costs(visitor: Visitor) -> None:
    pack = visitor.damage(visitor.pack_of(b"noise"), 1000)
    assert visitor.ask("check")["sound"] is True
    report = visitor.ask("check", "--read-data", exit_code=1)
    assert {problem["object"] for problem in report["problems"]} == {pack}
    (victim,) = [victim for problem in report["problems"] for victim in problem["victims"]]
    assert victim["path"].endswith("/below/noise")
    ended = visitor.run("check", "--read-data")
    assert ended.exit_code == 1
    assert f"damaged  {pack}\n" in ended.out
    assert "/below/noise (snapshot " in ended.out
    assert "The repository is damaged: " in ended.out
    assert not visitor.files.start_check(read_data=True).finds_it_sound()


def test_a_missing_pack_is_found_without_reading(visitor: Visitor) -> None:
    pack = visitor.damage(visitor.pack_of(b"text"))
    report = visitor.ask("check", exit_code=1)
    missing = [each for each in report["problems"] if each["kind"] == "pack-missing"]
    assert [each["object"] for each in missing] == [pack]
    paths = {victim["path"].rpartition("/")[2] for victim in missing[0]["victims"]}
    assert {"text", "two%0Alines %E2%80%AE"} <= paths
    ended = visitor.run("check")
    assert "two\\x0alines \\u202e" in ended.out
    assert "\u202e" not in ended.out


def test_the_latest_snapshot_is_restored_as_it_was(
    visitor: Visitor, source: Path, tmp_path: Path
) -> None:
    ended = visitor.run("restore", "--target", str(tmp_path / "out"))
    assert ended.exit_code == 0, ended.err
    assert compare_trees(source, tmp_path / "out" / source.relative_to("/")) == []
    assert "Complete." in ended.out
    assert "  files    3, " in ended.out


def test_an_older_snapshot_or_a_part_is_restored_by_name(
    visitor: Visitor, source: Path, tmp_path: Path
) -> None:
    old, _ = visitor.ask("snapshots")
    done = visitor.ask(
        "restore", "--target", str(tmp_path / "old"), "--snapshot", old["snapshot"][:10]
    )
    assert (done["snapshot"], done["complete"], done["files"]) == (old["snapshot"], True, 1)
    by_host = visitor.ask("restore", "--target", str(tmp_path / "host"), "--host", "old-1")
    assert by_host["snapshot"] == old["snapshot"]
    part = tmp_path / "part"
    visitor.ask("restore", "--target", str(part), "--include", str(source / "text"))
    found = part / source.relative_to("/")
    assert [path.name for path in found.iterdir()] == ["text"]


def test_a_dry_run_counts_and_makes_nothing(visitor: Visitor, source: Path, tmp_path: Path) -> None:
    before = visitor.everything()
    words = ("restore", "--target", str(tmp_path / "out"), "--dry-run")
    planned = visitor.ask(*words)
    assert (planned["files"], planned["others"], planned["complete"]) == (4, 2, True)
    assert planned["bytes"] == len(NOISE) + 2 * 5000 + len("odd")
    assert "Nothing was done." in visitor.run(*words).out
    part = visitor.ask(*words, "--include", str(source / "text"))
    assert (part["files"], part["complete"]) == (1, True)
    missing = visitor.ask(*words, "--include", str(source / "none"), exit_code=3)
    assert missing["missing"] == [str(source / "none")]
    assert not (tmp_path / "out").exists()
    assert visitor.everything() == before


def test_what_a_damaged_repository_cannot_give_back_is_named_and_the_rest_is_there(
    visitor: Visitor, source: Path, tmp_path: Path
) -> None:
    visitor.damage(visitor.pack_of(b"noise"))
    ended = visitor.run("restore", "--target", str(tmp_path / "out"))
    assert ended.exit_code == 3
    assert f"{source}/below/noise: " in ended.out
    assert "Incomplete" in ended.out
    out = tmp_path / "out" / source.relative_to("/")
    assert (out / "text").read_text() == (source / "text").read_text()
    assert not (out / "below" / "noise").exists()
    again = visitor.ask("restore", "--target", str(tmp_path / "again"), exit_code=3)
    assert [entry["path"] for entry in again["failures"]] == [f"{source}/below/noise"]


def test_a_damaged_index_costs_only_what_it_alone_lists(
    visitor: Visitor, source: Path, tmp_path: Path
) -> None:
    repository = visitor.files.open()
    old, new = list_snapshots(repository)
    (listing,) = [
        name
        for name in list_unpacked(repository, ObjectKind.INDEX)
        for pack in load_index_object(repository, name).packs
        if new.tree in {blob.id for blob in pack.blobs}
    ]
    visitor.damage(ObjectKind.INDEX.key(listing), 50)
    target = ("--target", str(tmp_path / "out"))
    ended = visitor.run("restore", *target, "--snapshot", old.id)
    assert ended.exit_code == 0
    assert "warning: index/" in ended.err
    out = tmp_path / "out" / source.relative_to("/")
    assert (out / "below" / "noise").read_bytes() == NOISE
    lost = visitor.fail("restore", "--target", str(tmp_path / "new"), exit_code=1)
    assert lost["code"] == "RepositoryDamaged"


def test_a_damaged_snapshot_does_not_hide_the_others(visitor: Visitor, tmp_path: Path) -> None:
    old, new = visitor.ask("snapshots")
    visitor.damage(f"snapshots/{new['snapshot']}", 20)
    ended = visitor.run("snapshots", "--json")
    assert ended.exit_code == 3
    assert ended.document == [old]
    assert f"warning: Snapshot {new['snapshot']} is damaged" in ended.err
    restored = visitor.ask("restore", "--target", str(tmp_path / "out"))
    assert restored["snapshot"] == old["snapshot"]


def test_a_repository_whose_config_is_damaged_says_what_would_help(visitor: Visitor) -> None:
    visitor.damage("config", 30)
    error = visitor.fail("check", exit_code=1)
    assert error["code"] == "RepositoryDamaged"
    assert "put it back" in error["hint"]


def test_what_cannot_be_opened_is_told_apart(visitor: Visitor, tmp_path: Path) -> None:
    opening = ("--password-file", str(visitor.password_file))
    fail = visitor.program.fail
    (tmp_path / "empty").mkdir()
    for url in (tmp_path / "empty", tmp_path / "nowhere"):
        error = fail("repository", "check", str(url), *opening, exit_code=1)
        assert error["code"] == "RepositoryMissing"
        assert str(url) in error["message"]
        assert "`config`" in error["hint"]
    for url in ("sftp:host:/srv", "https://host/x", "s3:host", "file://srv", "s3://", ""):
        assert fail("repository", "check", url, *opening)["code"] == "InvalidValue", url
    open_http = ("repository", "check", "s3:http://192.0.2.1/bucket/x", *opening)
    assert "--allow-http" in fail(*open_http)["hint"]
    twice = ("repository", "check", "s3:https://h/bucket", *opening, "--endpoint", "https://h")
    assert "--endpoint" in fail(*twice)["message"]
    unknown = visitor.fail("restore", "--target", "out", "--snapshot", "0123456789", exit_code=1)
    assert unknown["code"] == "SnapshotMissing"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    before_anything_else = ("repository", "restore", str(tmp_path / "nowhere"), *opening)
    full = fail(*before_anything_else, "--target", str(tmp_path / "full"), exit_code=1)
    assert full["code"] == "TargetNotEmpty"


def test_a_password_is_refused_when_wrong_open_to_others_missing_or_given_twice(
    visitor: Visitor, tmp_path: Path
) -> None:
    private(visitor.password_file, "not it")
    wrong = visitor.fail("snapshots", exit_code=1)
    assert wrong["code"] == "WrongPassword"
    assert str(visitor.password_file) in wrong["hint"]
    assert "not it" not in str(wrong)
    visitor.password_file.chmod(0o640)
    exposed = visitor.fail("snapshots")
    assert exposed["code"] == "SecretError"
    assert exposed["hint"] == f"Run: chmod 600 {visitor.password_file}"
    visitor.password_file.unlink()
    assert "--password-file" in visitor.fail("snapshots")["message"]
    bare = ("repository", "snapshots", str(visitor.place))
    assert visitor.program.fail(*bare)["code"] == "UsageError"
    assert visitor.fail("snapshots", "--password-command", "echo x")["code"] == "UsageError"
    half = ("--access-key-id-file", str(private(tmp_path / "id", "id")))
    assert "go together" in visitor.fail("snapshots", *half)["message"]


def test_a_password_can_come_from_a_program(visitor: Visitor) -> None:
    private(visitor.password_file, "unused")
    command = f"printf '%s\\n' '{visitor.files.password}'"
    words = ("repository", "snapshots", str(visitor.place), "--password-command", command)
    assert len(visitor.program.ask(*words)) == 2
    failing = visitor.program.fail(*words[:-1], "false")
    assert failing["code"] == "SecretError"


@pytest.mark.parametrize("form", ["{}", "file://{}", "local:{}", "relative"])
def test_a_folder_is_named_in_any_of_its_forms(visitor: Visitor, form: str) -> None:
    url = visitor.place.name if form == "relative" else form.format(visitor.place)
    words = ("repository", "snapshots", url, "--password-file", "password")
    assert len(visitor.program.ask(*words)) == 2


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The repository in a bucket, and the words that open it."""

    server: SeaweedServer
    name: str
    visitor: Visitor

    def words(self, command: str, url: str = "", *more: str) -> tuple[str, ...]:
        """A command line; by default in restic's form."""
        url = url or f"s3:{self.server.endpoint}/{self.name}/fleet/web"
        return ("repository", command, url, "--password-file", "password", *more)

    def keys(self, access_key: str) -> tuple[str, ...]:
        folder = self.visitor.program.folder
        return (
            *("--access-key-id-file", str(private(folder / "id", access_key))),
            *("--secret-access-key-file", str(private(folder / "secret", self.server.secret_key))),
        )

    def locks(self) -> int:
        listing = self.server.client().list_objects_v2(Bucket=self.name, Prefix="fleet/web/locks/")
        return listing["KeyCount"]


@pytest.fixture
def bucket(visitor: Visitor, s3_server: SeaweedServer) -> Bucket:
    name = s3_server.make_bucket()
    client = s3_server.client()
    for path in visitor.place.rglob("*"):
        if path.is_file():
            key = f"fleet/web/{path.relative_to(visitor.place)}"
            client.put_object(Bucket=name, Key=key, Body=path.read_bytes())
    return Bucket(server=s3_server, name=name, visitor=visitor)


def test_a_bucket_is_named_in_our_form_or_restic_s(bucket: Bucket) -> None:
    program, keys = bucket.visitor.program, bucket.keys(bucket.server.access_key)
    ours = f"s3://{bucket.name}/fleet/web/"
    by_endpoint = bucket.words("snapshots", ours, "--endpoint", bucket.server.endpoint, *keys)
    assert len(program.ask(*by_endpoint)) == 2
    assert len(program.ask(*bucket.words("snapshots", "", *keys))) == 2
    from_environment = replace(
        program,
        environment={
            "AWS_ACCESS_KEY_ID": bucket.server.access_key,
            "AWS_SECRET_ACCESS_KEY": bucket.server.secret_key,
        },
    )
    assert len(from_environment.ask(*bucket.words("snapshots"))) == 2
    elsewhere = ("snapshots", f"s3:{bucket.server.endpoint}/{bucket.name}/other")
    assert (
        program.fail(*bucket.words(*elsewhere, *keys), exit_code=1)["code"] == "RepositoryMissing"
    )
    no_bucket = ("snapshots", f"s3:{bucket.server.endpoint}/no-such-bucket")
    assert (
        program.fail(*bucket.words(*no_bucket, *keys), exit_code=1)["code"] == "RepositoryMissing"
    )


def test_keys_that_may_only_read_are_enough_with_a_warning(
    bucket: Bucket, source: Path, tmp_path: Path
) -> None:
    program, keys = bucket.visitor.program, bucket.keys(READER_KEY)
    checked = program.run(*bucket.words("check", "", *keys, "--json"))
    assert checked.exit_code == 0
    assert checked.document["sound"] is True
    assert "cannot be locked" in checked.err
    unlocked = program.run(*bucket.words("check", "", *keys, "--no-lock"))
    assert (unlocked.exit_code, unlocked.err) == (0, "")
    target = ("--target", str(tmp_path / "out"))
    assert program.run(*bucket.words("restore", "", *keys, *target)).exit_code == 0
    assert compare_trees(source, tmp_path / "out" / source.relative_to("/")) == []


def test_a_lock_is_held_and_given_back(bucket: Bucket) -> None:
    program, keys = bucket.visitor.program, bucket.keys(bucket.server.access_key)
    checked = program.run(*bucket.words("check", "", *keys))
    assert (checked.exit_code, checked.err) == (0, "")
    assert bucket.locks() == 0


def test_a_store_that_is_away_is_an_answer_and_not_a_wait(visitor: Visitor) -> None:
    (port,) = free_ports(1)
    key = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "any")
    away = replace(visitor.program, environment=key)
    url = f"s3:http://127.0.0.1:{port}/bucket"
    error = away.fail("repository", "check", url, "--password-file", "password", exit_code=1)
    assert error["code"] == "StoreUnreachable"


def test_who_works_alone_in_a_repository_is_not_disturbed(visitor: Visitor) -> None:
    with hold_lock(visitor.files.open(), exclusive=True):
        error = visitor.fail("check", exit_code=1)
        assert error["code"] == "RepositoryLocked"
        assert "--no-lock" in error["hint"]
        assert visitor.run("check", "--no-lock").exit_code == 0
    assert visitor.run("check").exit_code == 0


def test_progress_is_shown_on_a_terminal_only(visitor: Visitor) -> None:
    terminal, end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "daemon", *visitor.words("check")],
        env={**visitor.program.surroundings, "TERM": "xterm"},
        cwd=visitor.program.folder,
        stdout=subprocess.PIPE,
        stderr=end,
    )
    os.close(end)
    out, _ = child.communicate(timeout=60)
    shown = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert "following snapshots" in shown
    assert "following" not in out.decode()
    assert visitor.run("check").err == ""


def test_a_second_password_opens_it_for_restic_too(
    visitor: Visitor, restic: Restic, tmp_path: Path
) -> None:
    (first,) = visitor.ask("keys list")
    assert (first["in_use"], first["damaged"]) == (True, False)
    new = private(tmp_path / "new", "another one")
    added = visitor.run("keys add", "--new-password-file", str(new))
    assert added.exit_code == 0, added.err
    assert restic(str(visitor.place), "another one", "snapshots")
    keys = visitor.ask("keys list")
    assert len(keys) == 2
    assert [key["key"] for key in keys if key["in_use"]] == [first["key"]]
    assert max(map(len, visitor.run("keys list").out.splitlines())) <= 100

    private(visitor.password_file, "another one")
    remove = ("keys remove", first["key"][:12])
    unasked = visitor.run(*remove)
    assert unasked.exit_code == 2
    assert "--yes" in unasked.err
    assert visitor.run(*remove, "--yes").exit_code == 0
    refused = restic.attempt(str(visitor.place), visitor.files.password, "snapshots")
    assert refused.returncode != 0
    assert restic(str(visitor.place), "another one", "snapshots")


def test_the_last_and_the_current_password_stay(visitor: Visitor, tmp_path: Path) -> None:
    def refusal(command: str, *words: str) -> str:
        ended = visitor.run(command, *words)
        assert ended.exit_code in (1, 2)
        return ended.err

    (only,) = visitor.ask("keys list")
    remove = ("keys remove", only["key"][:12], "--yes")
    assert "This is the only key" in refusal(*remove)
    new = private(tmp_path / "new", "another one")
    add = ("keys add", "--new-password-file", str(new))
    assert visitor.run(*add).exit_code == 0
    assert "the one that the password given opens" in refusal(*remove)
    assert "no key that begins with" in refusal("keys remove", "nonsense", "--yes")
    assert len(visitor.ask("keys list")) == 2
    new.chmod(0o644)
    assert f"chmod 600 {new}" in refusal(*add)
    assert "--new-password-file" in refusal("keys add")
    assert len(visitor.ask("keys list")) == 2


def test_a_key_file_that_is_damaged_is_shown_and_can_be_removed(visitor: Visitor) -> None:
    planted = visitor.place / "keys" / ("0" * 64)
    planted.write_text("{}")
    damaged = [key["key"] for key in visitor.ask("keys list") if key["damaged"]]
    assert damaged == [planted.name]
    assert "(damaged)" in visitor.run("keys list").out
    assert visitor.run("keys remove", "0000", "--yes").exit_code == 0
    assert not planted.exists()
