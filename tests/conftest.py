"""Loads the real parts that tests run against: each module in tests/parts starts one."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about us.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Parts import one another; each must be rewritten whoever asks for it first.
pytest.register_assert_rewrite("tests.parts")

pytest_plugins = [
    f"tests.parts.{module.stem}"
    for module in sorted((Path(__file__).parent / "parts").glob("[a-z]*.py"))
    if module.stem != "requirement"
]


# A shell that starts the tests in the background has them ignore Ctrl-C, and all they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's own credentials, settings or locale."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "RESTIC_REPOSITORY",
        "RESTIC_PASSWORD",
        "LAPSEGUARD_CONFIG",
        "CREDENTIALS_DIRECTORY",
        "STATE_DIRECTORY",
        "CONFIGURATION_DIRECTORY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
