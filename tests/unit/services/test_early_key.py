"""A key that is begun on a guess is used where it belongs, and nowhere else."""

from pathlib import Path

import pytest

from backends.objectstore.memory import MemoryStore
from backends.repository.key_ahead import KeyAhead
from backends.repository.scrypt import ScryptCost
from daemon.errors import SecretError
from daemon.secrets import Secret
from daemon.services.destination import Destination
from daemon.services.early_key import EarlyKeys, salt_file
from daemon.settings import Configuration, Environment, configure, settings_from_text

_STORES = ("near", "far")


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """Two stores with a password each, and a server that was saved to the second one."""
    text = f'[daemon]\nstate_dir = "{tmp_path}"\n[defaults]\nstore = "near"\n'
    for store in _STORES:
        password = tmp_path / f"{store}-password"
        password.touch(mode=0o600)
        password.write_text(f"of {store}")
        text += f'[stores.{store}]\nurl = "s3://{store}"\nregion = "r"\n'
        text += f'repository_password_file = "{password}"\n'
    keep_salt(tmp_path, "web", "far")
    environment = Environment(variables={}, home=tmp_path, superuser=False)
    return configure(settings_from_text(text, tmp_path / "lapseguard.toml"), environment)


def keep_salt(state: Path, server: str, store: str) -> None:
    """As a backup does."""
    place = salt_file(state / "staging", server, store)
    place.parent.mkdir(parents=True, exist_ok=True)
    KeyAhead(place, str).keep(b"s" * 64, ScryptCost(n=2, r=1, p=1))


def destination(store: str | None, _server: str) -> Destination:
    return Destination(
        store_name=store or "near", store=MemoryStore(), read_password=lambda: Secret("x")
    )


@pytest.mark.parametrize("store", [*_STORES, None])
@pytest.mark.parametrize("named", ["web", "../web", "20261123T060101Z-3fa9c2", "", "other"])
def test_the_password_is_that_of_the_store_whatever_was_guessed(
    configuration: Configuration, named: str, store: str | None
) -> None:
    with EarlyKeys(configuration) as keys:
        keys.guess(named)
        found = keys.at(destination)(store, "web")

    assert found.ahead is not None
    assert found.ahead.password() == f"of {store or 'near'}"


def test_a_salt_of_a_store_that_is_no_more_keeps_nobody_out(
    configuration: Configuration, tmp_path: Path
) -> None:
    keep_salt(tmp_path, "mail", "gone")

    with EarlyKeys(configuration) as keys:
        keys.guess("mail")
        found = keys.at(destination)("near", "mail")

    assert found.ahead is not None
    assert found.ahead.password() == "of near"


def test_a_password_that_is_gone_is_told_to_whoever_opens(
    configuration: Configuration, tmp_path: Path
) -> None:
    (tmp_path / "far-password").unlink()

    with EarlyKeys(configuration) as keys:
        keys.guess("web")
        found = keys.at(destination)("far", "web")
        assert found.ahead is not None
        with pytest.raises(SecretError):
            found.ahead.password()
