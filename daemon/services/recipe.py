"""How to open a backup without this program: the environment and the commands for stock restic."""

import shlex
from dataclasses import dataclass

from daemon.secrets import InlineSecret, SecretCommand, SecretFile, SecretSource
from daemon.settings import Configuration, StoreSettings

_AWS = "https://s3.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to paste into a shell; no line holds a secret, only where it is kept.

    Attributes:
        environment: `export` lines, and comments where a person must fill something in.
        commands: The restic commands, to be given after them.
    """

    environment: tuple[str, ...]
    commands: tuple[str, ...]


def restic_recipe(
    configuration: Configuration, *, store: str, server: str, snapshot: str | None
) -> Recipe:
    """The recipe for one server's repository, and one repository snapshot of it.

    Args:
        configuration: Its stores and where their secrets are.
        store: Name of the store.
        server: Name of the server.
        snapshot: The repository snapshot's id; None for the latest.

    Raises:
        NotFound: the settings no longer have that store.
    """
    name, settings = configuration.store(store)
    lines = [f"export RESTIC_REPOSITORY={shlex.quote(restic_url(settings, server))}"]
    lines.append(_password_line(configuration.store_secret(name, "repository_password")))
    if settings.location.scheme == "s3":
        lines += _s3_lines(configuration, name, settings)
    restic = "restic" + _restic_options(settings)
    chosen = snapshot or "latest"
    commands = (
        f"{restic} snapshots",
        f"{restic} check --read-data",
        f"{restic} ls {chosen}",
        f"{restic} restore {chosen} --target /tmp/restored",
    )
    return Recipe(environment=tuple(lines), commands=commands)


def restic_url(settings: StoreSettings, server: str) -> str:
    """The repository as restic writes it: `s3:https://host/bucket/prefix/NAME`, or a folder."""
    path = f"{settings.location.path.rstrip('/')}/{server}"
    if settings.location.scheme == "file":
        return path
    return f"s3:{settings.endpoint or _AWS}/{settings.location.netloc}{path}"


def _restic_options(settings: StoreSettings) -> str:
    options = ""
    if settings.location.scheme == "s3" and settings.endpoint:
        lookup = "dns" if settings.virtual_host else "path"
        options += f" -o s3.bucket-lookup={lookup}"
    if settings.ca_bundle:
        options += f" --cacert {shlex.quote(str(settings.ca_bundle))}"
    return options


def _password_line(source: SecretSource | None) -> str:
    if isinstance(source, SecretFile):
        return f"export RESTIC_PASSWORD_FILE={shlex.quote(str(source.path))}"
    if isinstance(source, SecretCommand):
        return f"export RESTIC_PASSWORD_COMMAND={shlex.quote(shlex.join(source.argv))}"
    return _by_hand("RESTIC_PASSWORD", source)


def _s3_lines(configuration: Configuration, name: str, settings: StoreSettings) -> list[str]:
    lines = [
        _secret_line("AWS_ACCESS_KEY_ID", configuration.store_secret(name, "access_key_id")),
        _secret_line(
            "AWS_SECRET_ACCESS_KEY", configuration.store_secret(name, "secret_access_key")
        ),
    ]
    token = configuration.store_secret(name, "session_token")
    if token is not None:
        lines.append(_secret_line("AWS_SESSION_TOKEN", token))
    if settings.region:
        lines.append(f"export AWS_DEFAULT_REGION={shlex.quote(settings.region)}")
    return lines


def _secret_line(variable: str, source: SecretSource | None) -> str:
    if isinstance(source, SecretFile):
        return f'export {variable}="$(cat {shlex.quote(str(source.path))})"'
    if isinstance(source, SecretCommand):
        return f'export {variable}="$({shlex.join(source.argv)})"'
    return _by_hand(variable, source)


def _by_hand(variable: str, source: SecretSource | None) -> str:
    where = "from the settings file" if isinstance(source, InlineSecret) else "not in the settings"
    return f"# export {variable}=…   ({where})"
