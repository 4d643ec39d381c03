"""`safe-to-lapse` says yes after a real backup, and no for every single reason it has."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.parts.installation import Install, Installation

TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


@pytest.fixture(scope="module")
def saved(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A server that stops soon, saved just now; tests leave it as they found it."""
    source = tmp_path_factory.mktemp("source")
    (source / "accounts").write_bytes(bytes(range(256)) * 64)
    installation = install()
    installation.enrol(source)
    installation.program.do(
        *("contract", "add", "c-1", "--server", installation.name, "--provider", "aliyun"),
        *("--account", "acme", "--expires", TOMORROW, "--timezone", "UTC"),
    )
    assert reasons(installation) == ["There is no complete verified copy."]
    installation.back_up()
    return installation


def reasons(installation: Installation, *words: str) -> list[str]:
    """Why it must not lapse; the exit code says the same."""
    ended = installation.program.run("safe-to-lapse", installation.name, *words, "--json")
    assert ended.document["safe"] == (ended.exit_code == 0)
    assert ended.exit_code in {0, 1}
    found: list[str] = ended.document["reasons"]
    return found


def with_settings(installation: Installation, text: str) -> Path:
    """Settings beside the others, for as long as they are there."""
    folder = installation.program.folder / "conf.d"
    folder.mkdir(exist_ok=True)
    path = folder / "extra.toml"
    path.write_text(text)
    return path


def test_a_server_that_was_saved_may_lapse(saved: Installation) -> None:
    ended = saved.program.run("safe-to-lapse", saved.name)
    assert (ended.exit_code, ended.err) == (0, "")
    assert ended.out == f"{saved.name} may lapse: all it holds is proven elsewhere.\n"
    (status,) = saved.program.ask("status")
    assert status["newest_verified"]["run"] == saved.latest()["run"]


def test_not_if_the_copy_has_become_too_old(saved: Installation) -> None:
    extra = with_settings(saved, '[policies.default]\nladder = [{within = "30d", every = "1s"}]\n')
    (status,) = saved.program.ask("status")
    while status["newest_verified"]["age_seconds"] <= 1:
        (status,) = saved.program.ask("status")
    (why,) = reasons(saved)
    extra.unlink()
    assert "it has to have begun within the last 1 s" in why
    assert reasons(saved) == []


def test_not_if_the_policy_asks_for_a_deeper_proof_until_there_is_one(
    saved: Installation,
) -> None:
    extra = with_settings(saved, '[policies.default]\ndepth = "restored"\n')
    (why,) = reasons(saved)
    assert "restored is asked for" in why
    saved.program.do("verify", saved.latest()["run"], "--depth", "restored")
    assert reasons(saved) == []
    extra.unlink()


def test_not_if_the_store_would_perish_too_unless_that_is_meant(saved: Installation) -> None:
    settings = saved.program.settings
    before = settings.read_text()
    settings.write_text(before.replace("[stores.main]\n", '[stores.main]\nprovider = "aliyun"\n'))
    (why,) = reasons(saved)
    assert "aliyun" in why
    assert reasons(saved, "--accept-same-fate") == []
    settings.write_text(before)


def test_not_if_it_is_saved_elsewhere_since(saved: Installation) -> None:
    place, secret = saved.program.folder / "second", saved.program.state / "secrets"
    place.mkdir()
    password = secret / "repository_password"
    extra = with_settings(
        saved, f'[stores.second]\nurl = "file://{place}"\nrepository_password_file = "{password}"\n'
    )
    saved.program.do("server", "update", saved.name, "--store", "second")
    assert reasons(saved) == [
        "The newest copy is in the store main; the server is saved to second now."
    ]
    saved.program.do("server", "update", saved.name, "--store", "main")
    extra.unlink()
    assert reasons(saved) == []


def test_a_name_that_nobody_knows_is_no_answer(saved: Installation) -> None:
    ended = saved.program.run("safe-to-lapse", "web-9")
    assert ended.exit_code not in {0, 1}
    assert "web-9" in ended.err


def test_not_if_what_was_stored_is_gone_and_a_look_has_found_that(saved: Installation) -> None:
    """The last story of this server: its packs are moved away, looked for, and brought back."""
    repository = saved.program.folder / "backups" / saved.name
    aside = saved.program.folder / "aside"
    shutil.move(repository / "data", aside)
    assert reasons(saved) == []
    assert saved.program.run("verify", saved.latest()["run"]).exit_code != 0
    found = reasons(saved)
    assert any("The last verification of the run" in why and "failed" in why for why in found)
    shutil.move(aside, repository / "data")
    saved.program.do("verify", saved.latest()["run"])
    assert reasons(saved) == []
