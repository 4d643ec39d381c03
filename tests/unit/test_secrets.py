"""Secrets are read from where the settings say, and never shown."""

import sys
from pathlib import Path

import pytest

from daemon.errors import SecretError
from daemon.secrets import InlineSecret, Secret, SecretCommand, SecretFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_bytes(b"hunter2\n")
    path.chmod(0o600)
    return path


def read(path: Path, *, credential: bool = False) -> str:
    source = SecretFile(
        key="stores.main.repository_password_file", path=path, credential=credential
    )
    return source.read().reveal()


def test_no_way_of_showing_a_secret_shows_it() -> None:
    secret = Secret("hunter2")
    source = InlineSecret(value=secret)
    shown = f"{secret} {secret!r} {secret!s} {secret!s:>10} {[secret]} {source} {source!r}"
    assert "hunter2" not in shown


def test_the_line_end_of_a_file_is_not_part_of_the_secret(file: Path) -> None:
    assert read(file) == "hunter2"
    file.write_bytes(b" two lines\nstay \r\n")
    assert read(file) == " two lines\nstay "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(
    file: Path, mode: int
) -> None:
    file.chmod(mode)
    with pytest.raises(SecretError) as caught:
        read(file)
    assert f"mode {mode:04o}" in str(caught.value)
    assert caught.value.hint == f"Run: chmod 600 {file}"


def test_systemd_guards_its_credentials_itself(file: Path) -> None:
    file.chmod(0o440)
    assert read(file, credential=True) == "hunter2"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "not UTF-8"), (b"x" * 70000, "bytes long")],
)
def test_a_file_that_cannot_be_a_secret_is_refused(
    file: Path, content: bytes, complaint: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(SecretError, match=complaint):
        read(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="absent: No such file"):
        read(tmp_path / "absent")


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="cannot be read"):
        read(tmp_path)


def command(code: str) -> SecretCommand:
    return SecretCommand(key="stores.main.x_command", argv=(sys.executable, "-c", code))


def test_a_command_prints_the_secret() -> None:
    assert command("print('hunter2')").read().reveal() == "hunter2"


def test_a_command_that_fails_is_refused_without_showing_what_it_printed() -> None:
    with pytest.raises(SecretError, match="exit code 3") as caught:
        command("print('hunter2'); raise SystemExit(3)").read()
    assert "hunter2" not in str(caught.value)


def test_a_command_that_does_not_exist_is_named() -> None:
    with pytest.raises(SecretError, match="x_command"):
        SecretCommand(key="stores.main.x_command", argv=("/nonexistent",)).read()
