"""Any restic repository, opened from the command line with nothing but its URL and password."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.parts.object_servers import READER_KEY, SeaweedServer, free_ports
from tests.parts.restic import Restic
from tests.parts.tree_comparison import compare_trees
from tests.parts.visitor import Visitor, private


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
    bucket: Bucket, saved_folder: Path, tmp_path: Path
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
    assert compare_trees(saved_folder, tmp_path / "out" / saved_folder.relative_to("/")) == []


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
