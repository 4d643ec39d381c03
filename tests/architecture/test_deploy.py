"""What we hand to operators is valid: settings, policies, key lines and documented commands."""

import fnmatch
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.settings import (
    DaemonSettings,
    DefaultSettings,
    Environment,
    StoreSettings,
    configure,
    settings_from_text,
)
from tests.architecture.source_code import ROOT

DEPLOY = ROOT / "deploy"
EXAMPLE = (DEPLOY / "lapseguard.toml").read_text()
OPTIONAL = re.compile(r"^# (\w+) = .+$", re.MULTILINE)
INLINE_SECRETS = {
    *("access_key_id", "secret_access_key", "session_token"),
    *("repository_password", "database_password"),
}


def load(text: str) -> None:
    environment = Environment(variables={}, home=Path("/nonexistent"), superuser=True)
    configure(settings_from_text(text, DEPLOY / "lapseguard.toml"), environment)


def variants() -> Iterator[str]:
    """The example with one commented setting in force, instead of what it would contradict."""
    for match in OPTIONAL.finditer(EXAMPLE):
        stem = re.sub(r"_(file|command)$", "", match.group(1))
        others = EXAMPLE[: match.start()], EXAMPLE[match.end() :]
        before, after = (
            re.sub(rf"(?m)^{stem}(_file|_command)? = .*$", "", part) for part in others
        )
        yield f"{before}{match.group()[2:]}{after}"


def test_the_example_settings_are_valid() -> None:
    load(EXAMPLE)


@pytest.mark.parametrize("text", [*variants()], ids=[m[1] for m in OPTIONAL.finditer(EXAMPLE)])
def test_every_commented_example_is_valid(text: str) -> None:
    load(text)


def test_the_example_shows_every_setting_there_is() -> None:
    shown = set(re.findall(r"^(?:# )?(\w+) = ", EXAMPLE, re.MULTILINE))
    models = (DaemonSettings, StoreSettings, DefaultSettings)
    names = {name for model in models for name in model.model_fields} - INLINE_SECRETS
    # One way of giving a secret is shown for each secret, and a command once.
    missing = {name for name in names if name not in shown and not name.endswith("_command")}

    assert missing == set()


def statements() -> list[dict[str, object]]:
    policy = json.loads((DEPLOY / "s3-writer-policy.json").read_text())
    return list(policy["Statement"])


def as_list(value: object) -> list[str]:
    return list(value) if isinstance(value, list) else [str(value)]


def allows(action: str, key: str) -> bool:
    """Whether the policy lets an action happen to an object, by the rules of IAM."""
    effects = set()
    for statement in statements():
        if action not in as_list(statement["Action"]):
            continue
        outside = "NotResource" in statement
        patterns = as_list(statement["NotResource" if outside else "Resource"])
        covered = any(fnmatch.fnmatchcase(f"arn:aws:s3:::{key}", each) for each in patterns)
        if covered != outside:
            effects.add(statement["Effect"])
    return effects == {"Allow"}


@pytest.mark.parametrize(
    ("action", "key", "allowed"),
    [
        ("s3:PutObject", "BUCKET/PREFIX/web-1/data/00/00ff", True),
        ("s3:GetObject", "BUCKET/PREFIX/web-1/config", True),
        ("s3:DeleteObject", "BUCKET/PREFIX/web-1/locks/00ff", True),
        ("s3:DeleteObject", "BUCKET/PREFIX/lapseguard/probe/x-object", True),
        ("s3:DeleteObject", "BUCKET/PREFIX/web-1/data/00/00ff", False),
        ("s3:DeleteObject", "BUCKET/PREFIX/web-1/lapseguard/manifests/00000001-x.json", False),
        ("s3:DeleteObjectVersion", "BUCKET/PREFIX/web-1/locks/00ff", False),
        ("s3:BypassGovernanceRetention", "BUCKET/PREFIX/web-1/data/00/00ff", False),
        ("s3:PutObject", "BUCKET/elsewhere", False),
        ("s3:PutBucketPolicy", "BUCKET", False),
        ("s3:ListBucket", "BUCKET", True),
    ],
)
def test_the_writer_may_add_but_not_destroy(action: str, key: str, *, allowed: bool) -> None:
    assert allows(action, key) is allowed


def test_no_statement_allows_by_wildcard_action() -> None:
    for statement in statements():
        assert not any("*" in action for action in as_list(statement["Action"]))


def test_every_example_key_line_is_restricted() -> None:
    lines = (DEPLOY / "authorized_keys.example").read_text().splitlines()
    keys = [line for line in lines if line and not line.startswith("#")]

    assert len(keys) == 4
    assert all(line.startswith("restrict,") and " ssh-ed25519 " in line for line in keys)
