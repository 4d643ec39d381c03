"""Every name that a settings file may use, one model for each table."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, WithJsonSchema

from daemon.domain.identifier import check_name
from daemon.errors import InvalidValue
from daemon.secrets import Secret
from daemon.settings.bandwidth import BandwidthText
from daemon.settings.capture import CaptureSettings
from daemon.settings.planning import PlanningSettings, PolicySettings, PositiveDuration
from daemon.settings.section import Section

StoreSecretName = Literal[
    "access_key_id", "secret_access_key", "session_token", "repository_password"
]
#: What `compression_level = "auto"` stands for.
_AUTO_LEVEL: Final = 2
_MIB: Final = 1024**2


def _check_store_name(name: str) -> str:
    try:
        return check_name(name)
    except InvalidValue as error:
        raise ValueError(f"cannot be a name; {error.hint}") from error


def _check_store_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("takes no query, fragment or login; keys have settings of their own")
    if parts.scheme == "s3" and parts.netloc:
        return url.rstrip("/")
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return url.rstrip("/")
    raise ValueError("must look like s3://bucket/prefix or file:///srv/backups")


def _check_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError("must look like https://s3.example.net")
    return url.rstrip("/")


def _check_database_url(url: str) -> str:
    # `postgresql://` alone would make SQLAlchemy look for a driver that is not installed.
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgresql", "postgresql+psycopg"}:
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite" and rest.startswith("//"):
        return url
    raise ValueError("must look like sqlite:////path/file.db or postgresql+psycopg://host/name")


def _wrap_secret(value: object) -> Secret:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text that is not empty")
    return Secret(value)


def _require_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be a path")
    return path


#: Relative ones are taken from the folder of the settings file that has them.
SettingsPath = Annotated[Path, AfterValidator(_require_absolute)]
StoreName = Annotated[str, AfterValidator(_check_store_name)]
StoreUrl = Annotated[str, AfterValidator(_check_store_url)]
Endpoint = Annotated[str, AfterValidator(_check_endpoint)]
DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
#: A program and its arguments; no shell is involved.
Command = Annotated[tuple[str, ...], Field(min_length=1)]
InlineSecretText = Annotated[
    Secret,
    BeforeValidator(_wrap_secret),
    WithJsonSchema({"type": "string", "minLength": 1, "writeOnly": True}),
]


IoPriority = Literal["normal", "low", "idle"]


class DaemonSettings(Section):
    """`[daemon]`: where the program keeps its state."""

    state_dir: SettingsPath = Field(
        default=Path("/var/lib/lapseguard"),
        description="Folder for keys, staging and the database.",
    )
    database: DatabaseUrl = Field(
        default="sqlite:////var/lib/lapseguard/lapseguard.db",
        description="SQLite or PostgreSQL URL.",
    )
    database_password: InlineSecretText | None = Field(
        default=None, description="PostgreSQL password."
    )
    database_password_file: SettingsPath | None = Field(default=None, description="File with it.")
    database_password_command: Command | None = Field(
        default=None, description="Program printing it."
    )
    lease: PositiveDuration = Field(
        default=timedelta(seconds=90),
        description="Another daemon takes a run over when its owner is silent for so long.",
    )


class StoreSettings(Section):
    """`[stores.NAME]`: one place that repositories are written to."""

    url: StoreUrl = Field(description="s3://bucket/prefix or file:///srv/backups.")
    provider: str | None = Field(
        default=None, min_length=1, description="Who rents it out, named as in contracts."
    )
    account: str | None = Field(
        default=None, min_length=1, description="The account it is billed to."
    )
    bandwidth: BandwidthText | None = Field(
        default=None,
        description="Bytes a second of all runs that write to it; written as in [planning].",
    )
    endpoint: Endpoint | None = Field(default=None, description="S3 endpoint; AWS when absent.")
    region: str | None = Field(default=None, min_length=1, description="S3 region.")
    ca_bundle: SettingsPath | None = Field(
        default=None, description="CA certificates of the endpoint."
    )
    checksum: Literal["auto", "sha256", "md5"] = Field(
        default="auto",
        description="Checksum sent with each object; `auto` finds out what is honoured.",
    )
    virtual_host: bool = Field(
        default=False, description="Address a bucket as BUCKET.endpoint, not endpoint/BUCKET."
    )
    allow_http: bool = Field(
        default=False, description="Permit an unencrypted endpoint that is not on this machine."
    )
    access_key_id: InlineSecretText | None = Field(default=None, description="S3 access key.")
    access_key_id_file: SettingsPath | None = Field(default=None, description="File with it.")
    access_key_id_command: Command | None = Field(default=None, description="Program printing it.")
    secret_access_key: InlineSecretText | None = Field(default=None, description="S3 secret key.")
    secret_access_key_file: SettingsPath | None = Field(default=None, description="File with it.")
    secret_access_key_command: Command | None = Field(
        default=None, description="Program printing it."
    )
    session_token: InlineSecretText | None = Field(
        default=None, description="For temporary S3 keys."
    )
    session_token_file: SettingsPath | None = Field(default=None, description="File with it.")
    session_token_command: Command | None = Field(default=None, description="Program printing it.")
    repository_password: InlineSecretText | None = Field(
        default=None, description="Opens repositories."
    )
    repository_password_file: SettingsPath | None = Field(default=None, description="File with it.")
    repository_password_command: Command | None = Field(
        default=None, description="Program printing it."
    )

    @property
    def location(self) -> SplitResult:
        """`url` in its parts: scheme, netloc (the bucket) and path."""
        return urlsplit(self.url)


def _compression_level(value: object) -> object:
    return _AUTO_LEVEL if value == "auto" else value


class DefaultSettings(Section):
    """`[defaults]`: what holds where a server or a command line says nothing else."""

    store: str | None = Field(default=None, description="Store of servers that name none.")
    verify: Literal["stored", "hashed", "restored"] = Field(
        default="stored",
        description="How deep a backup is verified; deeper where nothing is attested.",
    )
    compression_level: Annotated[int, BeforeValidator(_compression_level)] = Field(
        default=2,
        ge=1,
        le=19,
        description="zstd level, or `auto`: what does not compress is not tried for long.",
    )
    staging: Literal["auto", "full", "window"] = Field(
        default="auto",
        description="What staging keeps of what is stored: all, all that the disk has room for, "
        "or only what rsync needs to recognise unchanged files.",
    )
    window: ByteSize = Field(
        default=ByteSize(256 * _MIB),
        ge=64 * _MIB,
        description="Bytes that may wait in staging where it keeps nothing else.",
    )
    pack_size: ByteSize = Field(
        default=ByteSize(16 * _MIB),
        ge=4 * _MIB,
        le=128 * _MIB,
        description="Bytes, or like `16 MiB`.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Threads that compress and encrypt; default: the CPUs.",
    )
    nice: int = Field(
        default=0, ge=0, le=19, description="How far backups give way to other programs here."
    )
    io_priority: IoPriority = Field(
        default="normal",
        description="Of the disk, what backups take: `normal`, `low` or only what is `idle`.",
    )
    uploads: int = Field(default=4, ge=1, le=64, description="Packs uploaded at the same time.")


class Settings(Section):
    """The whole settings file."""

    daemon: DaemonSettings = DaemonSettings()
    stores: Mapping[StoreName, StoreSettings] = Field(default_factory=dict)
    defaults: DefaultSettings = DefaultSettings()
    capture: CaptureSettings = CaptureSettings()
    planning: PlanningSettings = PlanningSettings()
    policies: Mapping[StoreName, PolicySettings] = Field(default_factory=dict)
