"""The settings as a whole: checked values, where each came from, and where secrets are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from daemon.domain.bandwidth import Bandwidth
from daemon.domain.duration import write_duration
from daemon.domain.fate import StoreFate
from daemon.domain.plan import Assumptions, Limits
from daemon.domain.policy import Policy
from daemon.errors import NotFound, SettingsError
from daemon.secrets import InlineSecret, Secret, SecretCommand, SecretFile, SecretSource
from daemon.settings.files import Environment, KeyPath, MergedFiles, read_settings_files
from daemon.settings.model import (
    DaemonSettings,
    DefaultSettings,
    Settings,
    StoreSecretName,
    StoreSettings,
)
from daemon.settings.planning import RungSettings, policies_of
from daemon.settings.problems import (
    STORE_SECRETS,
    contradictions,
    credential,
    model_problems,
    nearest,
)
from daemon.settings.section import Section
from daemon.state_folder import StateFolder

#: Fields whose value is a path; read off the models so that a new one is not forgotten.
_PATH_FIELDS: Final = frozenset(
    name
    for model in (DaemonSettings, StoreSettings, DefaultSettings)
    for name, field in model.model_fields.items()
    if "Path" in str(field.annotation)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One effective setting, as shown to people: secrets are masked."""

    key: str
    value: str | int | bool | list[str]
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Settings, and what is known about where they came from.

    Attributes:
        settings: Checked values.
        files: The settings files, in the order they were read.
        entries: Every effective setting with its origin.
        environment: Of the process; systemd credentials are looked up in it.
    """

    settings: Settings
    files: tuple[Path, ...]
    entries: tuple[Entry, ...]
    environment: Environment

    @property
    def state_folder(self) -> StateFolder:
        """The folder of keys, staging and the database."""
        return StateFolder(root=self.settings.daemon.state_dir)

    def store(self, name: str | None = None) -> tuple[str, StoreSettings]:
        """The name and settings of a store; of the default store where `name` is None.

        Raises:
            NotFound: there is no such store; the nearest name is given.
            SettingsError: no name given, and there is no default.
        """
        stores = self.settings.stores
        wanted = name or self.settings.defaults.store
        if wanted is None and len(stores) == 1:
            wanted = next(iter(stores))
        if wanted is None:
            raise SettingsError(
                "No store is named, and the settings have no default.",
                hint="Name one with --store, or set `store` under [defaults].",
            )
        if wanted not in stores:
            raise NotFound(
                f"There is no store `{wanted}` in the settings{nearest(wanted, stores)}",
                hint="List them with `lapseguard store list`.",
            )
        return wanted, stores[wanted]

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The ways of saving servers, the default one first."""
        return policies_of(self.settings.policies)

    @property
    def limits(self) -> Limits:
        """What runs have to share."""
        return self.settings.planning.limits(self.store_bandwidths)

    @property
    def bandwidth(self) -> Bandwidth | None:
        """What all runs may use together, each way; None for no limit."""
        planning = self.settings.planning
        return planning.read_bandwidth(planning.bandwidth)

    @property
    def store_bandwidths(self) -> Mapping[str, Bandwidth]:
        """Of the stores that have a limit, by name."""
        read = self.settings.planning.read_bandwidth
        limits = {name: read(store.bandwidth) for name, store in self.settings.stores.items()}
        return {name: limit for name, limit in limits.items() if limit is not None}

    @property
    def unlimited(self) -> bool:
        """Whether no limit of bandwidth holds for any store."""
        return self.bandwidth is None and not self.store_bandwidths

    @property
    def assumptions(self) -> Assumptions:
        """What planning takes for granted where nothing is known."""
        return self.settings.planning.assumptions()

    @property
    def store_fates(self) -> Mapping[str, StoreFate]:
        """Whose the stores are, by name."""
        return {
            name: StoreFate(name=name, provider=store.provider, account=store.account)
            for name, store in self.settings.stores.items()
        }

    @property
    def default_store(self) -> str | None:
        """Where servers are saved to that name no store; None where nobody says."""
        try:
            return self.store()[0]
        except (NotFound, SettingsError):
            return None

    def repository_url(self, server: str, store: str | None = None) -> str:
        """Where a server's repository is: `<store url>/NAME`. Raises as `store` does."""
        return f"{self.store(store)[1].url}/{server}"

    def store_secret(self, store: str, name: StoreSecretName) -> SecretSource | None:
        """Where a store's secret is to be read from, or None where it is not given.

        A systemd credential `STORE.NAME` counts like a setting; one called just `NAME` serves
        every store that has nothing of its own.
        """
        section = self.settings.stores[store]
        own = _written_source(section, f"stores.{store}.{name}", name)
        return own or _credential_source(self.environment, f"stores.{store}.{name}", name, store)

    @property
    def database_password(self) -> SecretSource | None:
        """Where the PostgreSQL password is to be read from, or None."""
        name = "database_password"
        own = _written_source(self.settings.daemon, f"daemon.{name}", name)
        return own or _credential_source(self.environment, f"daemon.{name}", name)


def load_configuration(
    given: Path | None = None, environment: Environment | None = None
) -> Configuration:
    """Read, merge and check the settings files.

    Args:
        given: The file named on the command line.
        environment: Of the process, unless a test says otherwise.

    Raises:
        SettingsError: with every problem there is, one a line.
    """
    environment = environment or Environment.of_process()
    return configure(read_settings_files(environment.settings_file(given)), environment)


def configure(merged: MergedFiles, environment: Environment) -> Configuration:
    """Check what the files say; the second half of `load_configuration`.

    Raises:
        SettingsError: with every problem there is, one a line.
    """
    _complete_paths(merged)
    problems = list(contradictions(merged, environment))
    try:
        settings = Settings.model_validate(_with_defaults(merged.tree, environment))
    except ValidationError as error:
        problems = [*model_problems(error, merged), *problems]
        raise SettingsError("\n".join(problems)) from error
    if problems:
        raise SettingsError("\n".join(problems))
    return Configuration(
        settings=settings,
        files=merged.files,
        entries=tuple(_entries(settings, merged, environment)),
        environment=environment,
    )


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of a settings file."""
    return Settings.model_json_schema()


def masked_url(url: str) -> str:
    """A database URL without its password."""
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@", 1) if password else url


def _complete_paths(merged: MergedFiles) -> None:
    """Take relative paths from the folder of the file that has them."""
    for key, file in merged.origins.items():
        table = merged.tree
        for part in key[:-1]:
            inner = table.get(part)
            table = inner if isinstance(inner, dict) else {}
        value = table.get(key[-1])
        if isinstance(value, str) and key[-1] in _PATH_FIELDS:
            table[key[-1]] = str(file.parent / Path(value).expanduser()) if value else value
        elif isinstance(value, str) and key == ("daemon", "database"):
            table[key[-1]] = _complete_sqlite(value, file.parent)


def _complete_sqlite(url: str, folder: Path) -> str:
    """Three slashes mean a relative path; four an absolute one."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith((":", "/")):
        return url
    return f"sqlite:///{folder / Path(path).expanduser()}"


def _with_defaults(tree: Mapping[str, object], environment: Environment) -> dict[str, object]:
    """Add what follows from the process's environment and not from the files."""
    daemon = tree.get("daemon", {})
    if not isinstance(daemon, dict):
        return dict(tree)
    state_dir = daemon.get("state_dir", str(environment.state_directory[0]))
    database = f"sqlite:///{state_dir}/lapseguard.db"
    return {**tree, "daemon": {"database": database, **daemon, "state_dir": state_dir}}


def _written_source(section: Section, key: str, name: str) -> SecretSource | None:
    inline = getattr(section, name)
    if isinstance(inline, Secret):
        return InlineSecret(value=inline)
    if path := getattr(section, f"{name}_file"):
        return SecretFile(key=f"{key}_file", path=path)
    if argv := getattr(section, f"{name}_command"):
        return SecretCommand(key=f"{key}_command", argv=argv)
    return None


def _credential_source(
    environment: Environment, key: str, name: str, scope: str = ""
) -> SecretSource | None:
    own = credential(environment, name, scope=scope)
    path = own or credential(environment, name)
    return SecretFile(key=key, path=path, credential=True) if path else None


def _entries(settings: Settings, merged: MergedFiles, environment: Environment) -> Iterator[Entry]:
    sections: list[tuple[KeyPath, Section]] = [
        (("daemon",), settings.daemon),
        *((("stores", name), store) for name, store in settings.stores.items()),
        (("defaults",), settings.defaults),
        (("planning",), settings.planning),
        *((("policies", name), policy) for name, policy in settings.policies.items()),
    ]
    for parents, section in sections:
        for name in type(section).model_fields:
            value = getattr(section, name)
            if value is not None:
                origin = _origin((*parents, name), merged, environment)
                yield Entry(key=".".join((*parents, name)), value=_shown(value), origin=origin)
        if parents[0] == "stores":
            yield from _credential_entries(parents[1], merged, environment)


def _credential_entries(
    store: str, merged: MergedFiles, environment: Environment
) -> Iterator[Entry]:
    for name in STORE_SECRETS:
        forms = (name, f"{name}_file", f"{name}_command")
        if any(("stores", store, form) in merged.origins for form in forms):
            continue
        source = _credential_source(environment, name, name, store)
        if source:
            yield Entry(key=f"stores.{store}.{name}", value="***", origin=source.origin)


def _origin(key: KeyPath, merged: MergedFiles, environment: Environment) -> str:
    if file := merged.origins.get(key):
        return str(file)
    return environment.state_directory[1] if key == ("daemon", "state_dir") else "default"


def _shown(value: object) -> str | int | bool | list[str]:
    if isinstance(value, tuple):
        return [str(_shown(part)) for part in value]
    if isinstance(value, RungSettings):
        return f"within {write_duration(value.within)} every {write_duration(value.every)}"
    if isinstance(value, timedelta):
        return write_duration(value)
    if isinstance(value, int):
        return value
    return masked_url(str(value))
