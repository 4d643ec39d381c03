"""Every key that a fleet file may use, one model for each kind of table."""

from datetime import UTC, date, datetime
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from daemon.domain.dump import USUAL_TIMEOUT
from daemon.domain.freezing import USUAL_HOOK_TIMEOUT
from daemon.domain.staging import StagingChoice
from daemon.domain.verification import Depth
from daemon.settings.bandwidth import BandwidthText
from daemon.settings.planning import Duration

_DATE_FORM: Final = "must be a date, like 2026-12-31 or 2026-12-31T18:00"


def _read_civil(value: object) -> str:
    """The words of a civil time; TOML has dates and times of its own."""
    if isinstance(value, datetime):
        return _write_civil(value)
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        raise ValueError(_DATE_FORM)  # noqa: TRY004 - pydantic's way
    return value


def _write_civil(at: datetime) -> str:
    if at.utcoffset() is not None:
        utc = at.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()
        raise ValueError(
            "is an instant with an offset, but contracts end at a civil time in a zone; "
            f'write "{utc}" here and timezone = "UTC"'
        )
    if at.microsecond:
        raise ValueError("is finer than a second")
    return at.isoformat()


CivilTime = Annotated[str, BeforeValidator(_read_civil)]


class Table(BaseModel):
    """A table: unknown keys are errors, and so is a text where a number belongs."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class DumpTable(Table):
    """One of a server's `dumps`; see `DatabaseDump`."""

    kind: str
    name: str = ""
    database: str | None = None
    path: str | None = None
    user: str | None = None
    role: str | None = None
    host: str | None = None
    port: int | None = None
    argv: list[str] = []
    timeout: Duration = USUAL_TIMEOUT


class MachineTable(Table):
    """A server's `machine`; see `ProviderMachine`."""

    kind: str
    id: str
    region: str | None = None
    profile: str | None = None
    account: str | None = None
    create: list[str] = []
    find: list[str] = []
    delete: list[str] = []


class ServerTable(Table):
    """`[servers.NAME]`; see `Server`. Keys that must be there are checked later, with the rest."""

    host: str | None = None
    port: int = 22
    user: str | None = None
    identity: str | None = None
    host_key: str | None = None
    paths: list[str] = []
    priority: list[str] = []
    excludes: list[str] = []
    sudo: bool = False
    one_file_system: bool = False
    store: str | None = None
    fate_accepted: bool = False
    verify_depth: Annotated[Depth | None, Field(strict=False)] = None
    labels: list[str] = []
    value: int = 0
    bandwidth: BandwidthText | None = None
    staging: Annotated[StagingChoice | None, Field(strict=False)] = None
    snapshot: str = "none"
    snapshot_required: bool = False
    before_capture: list[str] = []
    after_capture: list[str] = []
    freeze_command: list[str] = []
    thaw_command: list[str] = []
    hook_timeout: Duration = USUAL_HOOK_TIMEOUT
    dumps: list[DumpTable] = []
    machine: MachineTable | None = None


class PhaseTable(Table):
    """One of a contract's `phases`; see `Phase`."""

    name: str
    start: Duration
    ssh: bool = False
    snapshot: bool = False
    renewal: bool = False
    data: bool = True


class ContractTable(Table):
    """`[contracts.NAME]`; see `Contract`."""

    provider: str | None = None
    reference: str | None = None
    account: str | None = None
    servers: list[str] = []
    stores: list[str] = []
    subject: str | None = None
    expires: CivilTime | None = None
    timezone: str | None = None
    preset: str | None = None
    labels: list[str] = []
    phases: list[PhaseTable] = []
