"""`init` makes everything a new installation needs, once."""

import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.parts.program import Program
from tests.parts.requirement import require_program


def secrets_of(program: Program) -> dict[str, bytes]:
    names = ("ssh/id_ed25519", "secrets/repository_password", "secrets/manifest_signing_key")
    return {name: (program.state / name).read_bytes() for name in names}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_fresh_installation_is_complete_and_private(program: Program) -> None:
    program.install()
    for name in secrets_of(program):
        assert mode_of(program.state / name) == 0o600
    for folder in (program.state, program.state / "ssh", program.state / "secrets"):
        assert mode_of(folder) == 0o700
    findings = program.ask("config", "validate")["findings"]
    assert {finding["severity"] for finding in findings} <= {"ok", "warning"}
    assert {finding["subject"] for finding in findings} >= {"database", "rsync", "state folder"}


def test_running_it_again_changes_nothing(installed: Program) -> None:
    before = secrets_of(installed)
    settings = installed.settings.read_text()
    again = installed.run("init", "--store-url", "s3://elsewhere")
    assert again.exit_code == 0
    assert secrets_of(installed) == before
    assert installed.settings.read_text() == settings
    assert "left as it is" in again.err


def test_a_lost_part_is_made_again_without_touching_the_others(installed: Program) -> None:
    before = secrets_of(installed)
    (installed.state / "secrets/manifest_signing_key").unlink()
    installed.do("init")
    after = secrets_of(installed)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"secrets/manifest_signing_key"}


def test_a_dry_run_makes_nothing(program: Program) -> None:
    said = program.do("init", "--dry-run", "--state-dir", str(program.state))
    assert f"would make database: sqlite:///{program.state}/lapseguard.db" in said
    assert not program.state.exists()
    assert not program.settings.exists()


def test_what_could_not_be_used_later_is_refused_before_anything_is_made(program: Program) -> None:
    ended = program.run("init", "--state-dir", str(program.state), "--store-url", "ftp://x")
    assert ended.exit_code == 2
    assert "`stores.main.url` must look like s3://bucket/prefix" in ended.err
    assert not program.settings.exists()
    assert not program.state.exists()


def test_the_printed_line_is_the_key_that_ssh_will_use(installed: Program) -> None:
    said = installed.do("init")
    identity = installed.state / "ssh/id_ed25519"
    keygen = require_program("ssh-keygen", "openssh-client")
    derived = subprocess.run([keygen, "-y", "-f", identity], check=True, capture_output=True)
    kind, key = derived.stdout.decode().split()[:2]
    assert f"\n{kind} {key} lapseguard@" in said
    assert f'\nrestrict,command="rrsync -ro /" {kind} {key} lapseguard@' in said


def test_it_warns_that_the_password_must_be_kept_elsewhere_too(program: Program) -> None:
    (program.folder / "store").mkdir()
    ended = program.run("init", "--state-dir", str(program.state))
    assert str(program.state / "secrets/repository_password") in ended.err
    assert (program.state / "secrets/repository_password").read_text().strip() not in ended.err


def test_a_state_folder_that_cannot_be_made_is_a_clear_error(program: Program) -> None:
    (program.folder / "file").write_text("")
    ended = program.run("init", "--state-dir", str(program.folder / "file/state"))
    assert ended.exit_code == 1
    assert "cannot be made: Not a directory" in ended.err
    assert "Traceback" not in ended.err


def test_it_works_with_postgresql_too(
    program: Program, create_postgres: Callable[[str], str]
) -> None:
    program.install("--database", create_postgres("template0"))
    assert program.ask("db", "current")["revision"] == program.ask("db", "current")["needed"]
    program.add_server()
    assert [server["server"] for server in program.ask("server", "list")] == ["web-1"]
