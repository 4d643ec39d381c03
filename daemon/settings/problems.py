"""What is wrong with the settings: each problem one line that names the file and the key."""

import difflib
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daemon.settings.files import Environment, KeyPath, MergedFiles
from daemon.settings.model import (
    DaemonSettings,
    DefaultSettings,
    Settings,
    StoreSecretName,
    StoreSettings,
)
from daemon.settings.planning import PlanningSettings, PolicySettings

STORE_SECRETS: Final[tuple[StoreSecretName, ...]] = get_args(StoreSecretName)
_FORMS: Final = ("", "_file", "_command")
_MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "daemon": DaemonSettings,
    "stores": StoreSettings,
    "defaults": DefaultSettings,
    "planning": PlanningSettings,
    "policies": PolicySettings,
}
#: Tables whose children are tables with names of the operator's own.
_NAMED: Final = frozenset({"stores", "policies"})


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or what there is to choose from, or nothing."""
    names = sorted(known)
    if close := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean `{close[0]}`?"
    return f"; known are: {', '.join(names)}" if names else ""


def model_problems(error: ValidationError, merged: MergedFiles) -> Iterator[str]:
    """Say in our words what pydantic found."""
    for details in error.errors(include_url=False, include_context=False, include_input=False):
        key = tuple(str(part) for part in details["loc"] if part != "[key]")
        yield _line(key, _explain(key, details), merged)


def contradictions(merged: MergedFiles, environment: Environment) -> Iterator[str]:
    """Find what is wrong between values that are each right."""
    for key, table in _tables(merged.tree):
        for name in STORE_SECRETS if key[0] == "stores" else ("database_password",):
            given = _ways_given(key, table, name, environment)
            if len(given) > 1:
                text = f"is given more than once: {', '.join(given)}; keep one of them"
                yield _line((*key, name), text, merged)
        yield from _lone_keys(key, table, merged, environment)
    yield from _unlabelled_policies(merged)
    yield from _unknown_default_store(merged)
    yield from _exposed_secrets(merged)


def credential(environment: Environment, name: str, *, scope: str = "") -> Path | None:
    """The file of a systemd credential, `SCOPE.NAME` or `NAME`, if there is one."""
    folder = environment.credentials_directory
    path = folder / (f"{scope}.{name}" if scope else name) if folder else None
    return path if path and path.is_file() else None


def _line(key: KeyPath, text: str, merged: MergedFiles) -> str:
    return f"{merged.origin(key)}: `{'.'.join(key)}` {text}"


def _explain(key: KeyPath, details: ErrorDetails) -> str:
    if details["type"] == "extra_forbidden":
        return f"is not a known setting{_suggestion(key)}"
    if details["type"] == "missing":
        return "is missing"
    if details["type"] == "too_short":
        return "must not be empty"
    text = details["msg"].removeprefix("Value error, ")
    return text.replace("Input should be", "must be")


def _suggestion(key: KeyPath) -> str:
    """The nearest name in the same table, else the same name in another table."""
    model = _MODELS.get(key[0]) if len(key) > 1 else Settings
    known = model.model_fields if model else ()
    likely = difflib.get_close_matches(key[-1], known, n=1, cutoff=0.8)
    for table, other in _MODELS.items():
        if not likely and key[-1] in other.model_fields:
            return f"; it belongs in [{table}{'.NAME' if table in _NAMED else ''}]"
    return nearest(key[-1], known)


def _tables(tree: Mapping[str, object]) -> Iterator[tuple[KeyPath, Mapping[str, object]]]:
    """The tables that may hold secrets, as far as they are tables at all."""
    daemon, stores = tree.get("daemon"), tree.get("stores")
    if isinstance(daemon, dict):
        yield ("daemon",), daemon
    if isinstance(stores, dict):
        for name, table in stores.items():
            if isinstance(table, dict):
                yield ("stores", name), table


def _ways_given(
    key: KeyPath, table: Mapping[str, object], name: str, environment: Environment
) -> list[str]:
    given = [f"`{name}{form}`" for form in _FORMS if f"{name}{form}" in table]
    # A credential named for no store is a fallback, not a second way of giving it.
    scope = key[-1] if key[0] == "stores" else ""
    if scope and credential(environment, name, scope=scope):
        given.append(f"the systemd credential `{scope}.{name}`")
    return given


def _lone_keys(
    key: KeyPath, table: Mapping[str, object], merged: MergedFiles, environment: Environment
) -> Iterator[str]:
    """Half of an S3 key pair would silently fall back to the other half of another pair."""
    pair = ("access_key_id", "secret_access_key")
    present = [
        name
        for name in pair
        if _ways_given(key, table, name, environment) or credential(environment, name)
    ]
    if key[0] == "stores" and len(present) == 1:
        (missing,) = set(pair) - set(present)
        yield _line((*key, present[0]), f"is given without `{missing}`", merged)


def _unlabelled_policies(merged: MergedFiles) -> Iterator[str]:
    """A policy that no label chooses would be forgotten in silence."""
    policies = merged.tree.get("policies")
    for name, table in policies.items() if isinstance(policies, dict) else ():
        labelled = isinstance(table, dict) and bool(table.get("labels"))
        if labelled == (name == "default"):
            text = "takes no labels: it is for all others" if labelled else "names no `labels`"
            yield _line(("policies", name), text, merged)


def _unknown_default_store(merged: MergedFiles) -> Iterator[str]:
    defaults, stores = merged.tree.get("defaults"), merged.tree.get("stores", {})
    wanted = defaults.get("store") if isinstance(defaults, dict) else None
    if isinstance(wanted, str) and isinstance(stores, dict) and wanted not in stores:
        text = f"names no store of these settings: `{wanted}`{nearest(wanted, stores)}"
        yield _line(("defaults", "store"), text, merged)


def _exposed_secrets(merged: MergedFiles) -> Iterator[str]:
    """A secret written into a settings file makes that file a secret file."""
    for file in merged.files:
        if not file.exists() or not file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            continue
        for key, origin in merged.origins.items():
            if origin == file and _is_secret(key, merged.tree):
                text = f"is a secret in a file that others may read; run: chmod 600 {file}"
                yield _line(key, text, merged)


def _is_secret(key: KeyPath, tree: Mapping[str, object]) -> bool:
    if key == ("daemon", "database"):
        daemon = tree["daemon"]
        url = daemon.get("database") if isinstance(daemon, dict) else None
        return isinstance(url, str) and urlsplit(url).password is not None
    return key[-1] in STORE_SECRETS or key == ("daemon", "database_password")
