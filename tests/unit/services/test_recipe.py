"""A backup can be opened by stock restic, with what `show` prints and nothing else."""

import subprocess
from pathlib import Path

import pytest

from daemon.services.recipe import Recipe, restic_recipe, restic_url
from daemon.settings import Configuration, Environment, StoreSettings, configure, settings_from_text

S3 = """
[stores.main]
url = "s3://bucket/a prefix"
endpoint = "https://s3.example.net:9000"
region = "eu-1"
access_key_id_file = "/etc/it's/key"
secret_access_key_command = ["pass", "show", "s3 key"]
repository_password_file = "/etc/password"
"""


def configuration(text: str, tmp_path: Path) -> Configuration:
    surroundings = Environment(variables={}, home=tmp_path, superuser=True)
    file = tmp_path / "lapseguard.toml"
    file.touch(mode=0o600)
    return configure(settings_from_text(text, file), surroundings)


def recipe(text: str, tmp_path: Path) -> Recipe:
    return restic_recipe(configuration(text, tmp_path), store="main", server="web-1", snapshot="5f")


@pytest.mark.parametrize(
    ("url", "endpoint", "expected"),
    [
        ("s3://b/p/q", "https://s3.example.net", "s3:https://s3.example.net/b/p/q/web-1"),
        ("s3://b", None, "s3:https://s3.amazonaws.com/b/web-1"),
        ("file:///srv/backups", None, "/srv/backups/web-1"),
    ],
)
def test_the_repository_is_named_as_restic_does(
    url: str, endpoint: str | None, expected: str
) -> None:
    settings = StoreSettings.model_validate({"url": url, "endpoint": endpoint})
    assert restic_url(settings, "web-1") == expected


def test_the_lines_survive_a_shell_whatever_is_in_the_names(tmp_path: Path) -> None:
    lines = recipe(S3, tmp_path).environment
    script = 'cat() { echo "cat:$1"; }; pass() { echo "pass:$*"; }\n' + "\n".join(lines)
    shown = subprocess.run(
        ["bash", "-euc", script + "\nenv"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert "RESTIC_REPOSITORY=s3:https://s3.example.net:9000/bucket/a prefix/web-1" in shown
    assert "AWS_ACCESS_KEY_ID=cat:/etc/it's/key" in shown
    assert "AWS_SECRET_ACCESS_KEY=pass:show s3 key" in shown
    assert "AWS_DEFAULT_REGION=eu-1" in shown
    assert "RESTIC_PASSWORD_FILE=/etc/password" in shown


def test_no_secret_is_printed(tmp_path: Path) -> None:
    text = S3.replace(
        'repository_password_file = "/etc/password"', 'repository_password = "hunter2"'
    )
    lines = recipe(text, tmp_path).environment
    assert not any("hunter2" in line for line in lines)
    assert any(line.startswith("# export RESTIC_PASSWORD=…") for line in lines)


def test_the_commands_open_that_snapshot(tmp_path: Path) -> None:
    commands = recipe(S3, tmp_path).commands
    assert "restic -o s3.bucket-lookup=path restore 5f --target /tmp/restored" in commands
