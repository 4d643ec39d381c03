"""`[planning]` and `[policies.NAME]`: what planning may use, and how servers are to be saved."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import time, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from daemon.domain.bandwidth import Bandwidth, Stretch
from daemon.domain.duration import read_duration, write_duration
from daemon.domain.identifier import check_name
from daemon.domain.plan import Assumptions, Limits, QuietHours
from daemon.domain.policy import DEFAULT_POLICY, Policy, Rung
from daemon.domain.verification import Depth
from daemon.errors import InvalidValue
from daemon.settings.bandwidth import BandwidthText, read_bandwidth
from daemon.settings.section import Section

_HOURS: Final = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)
_KIB: Final = 1024


def _read_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a text like 15d, 6h or 1d12h")  # noqa: TRY004 - pydantic's way
    try:
        return read_duration(value)
    except InvalidValue as error:
        raise ValueError(f"{error} {error.hint}") from error


def _require_positive(length: timedelta) -> timedelta:
    if length <= timedelta():
        raise ValueError("must be longer than nothing")
    return length


def _check_label(label: str) -> str:
    try:
        return check_name(label)
    except InvalidValue as error:
        raise ValueError(f"cannot be a label; {error.hint}") from error


def _check_hours(text: str) -> str:
    _hours(text)
    return text


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is not a time zone that this machine knows") from error
    return name


def _hours(text: str) -> tuple[time, time]:
    found = _HOURS.fullmatch(text)
    if not found:
        raise ValueError("must look like 22:00-06:00")
    begin, end = (time.fromisoformat(part) for part in found.groups())
    if begin == end:
        raise ValueError("must not begin and end at the same time")
    return begin, end


#: A length of time: `15d`, `6h`, `1d12h`.
Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(write_duration),
    WithJsonSchema({"type": "string", "examples": ["15d", "6h", "1d12h"]}),
]
PositiveDuration = Annotated[Duration, AfterValidator(_require_positive)]
Label = Annotated[str, AfterValidator(_check_label)]
Hours = Annotated[str, AfterValidator(_check_hours)]
Zone = Annotated[str, AfterValidator(_check_zone)]


class PlanningSettings(Section):
    """`[planning]`: what all runs share, and what is assumed where nothing is known."""

    slots: int = Field(default=2, ge=1, le=256, description="Runs at the same time on this host.")
    bandwidth: BandwidthText | None = Field(
        default=None,
        description="Bytes a second of all runs together, each way: `10 MiB`, or by the time of "
        "the day: `08:00 2 MiB, 18:00 off`.",
    )
    bandwidth_timezone: Zone = Field(
        default="UTC",
        description="IANA zone of the times in `bandwidth`, of stores and servers too.",
    )
    quiet_hours: tuple[Hours, ...] = Field(
        default=(), description="When only a deadline starts a run, like `08:00-18:00`."
    )
    quiet_timezone: Zone = Field(default="UTC", description="IANA zone of the quiet hours.")
    assumed_size: ByteSize = Field(
        default=ByteSize(Assumptions().size),
        ge=1,
        description="Size of a server that nobody measured.",
    )
    assumed_rate: ByteSize = Field(
        default=ByteSize(Assumptions().rate),
        ge=_KIB,
        description="Bytes a second where no run has shown any.",
    )
    lead: PositiveDuration = Field(
        default=Limits().lead, description="Everything starts this much before it has to."
    )
    sweep_every: PositiveDuration = Field(
        default=timedelta(minutes=5), description="A new plan at least as often as this."
    )

    def read_bandwidth(self, text: str | None) -> Bandwidth | None:
        """A limit as it is written, in this section's zone; None for none."""
        return None if text is None else read_bandwidth(text, self.bandwidth_timezone)

    def limits(self, stores: Mapping[str, Bandwidth]) -> Limits:
        """What runs share, with the bandwidth of each store that has a limit.

        What changes by the time of the day is shared at its slowest; how long a run takes by
        itself follows the table.
        """
        everything = self.read_bandwidth(self.bandwidth)
        quiet = tuple(
            QuietHours(begin=begin, end=end, timezone=self.quiet_timezone)
            for begin, end in map(_hours, self.quiet_hours)
        )
        return Limits(
            slots=self.slots,
            bandwidth=None if everything is None else everything.slowest,
            stores={
                name: limit.slowest for name, limit in stores.items() if limit.slowest is not None
            },
            rates=_changing(everything),
            store_rates={name: _changing(limit) for name, limit in stores.items()},
            quiet=quiet,
            lead=self.lead,
        )

    def assumptions(self) -> Assumptions:
        """What is taken for granted."""
        return Assumptions(size=self.assumed_size, rate=self.assumed_rate)


def _changing(limit: Bandwidth | None) -> tuple[Stretch, ...]:
    """Its table; empty where it is the same around the clock."""
    return limit.stretches if limit is not None and len(limit.stretches) > 1 else ()


class RungSettings(Section):
    """One step of a ladder."""

    within: PositiveDuration = Field(description="It holds from so long before the stop on.")
    every: PositiveDuration = Field(description="No verified copy may be older than this.")


class PolicySettings(Section):
    """`[policies.NAME]`; what it leaves out is as in `[policies.default]`."""

    labels: tuple[Label, ...] = Field(
        default=(), description="Servers that carry all of these follow it."
    )
    seed: PositiveDuration | None = Field(
        default=None, description="How long before the stop the first copy is made; default 30d."
    )
    ladder: tuple[RungSettings, ...] | None = Field(
        default=None,
        min_length=1,
        description="How often copies are made, far from the stop first.",
    )
    margin: Duration | None = Field(
        default=None, description="Time kept free before the stop; default 2h."
    )
    final: bool | None = Field(
        default=None, description="Whether a last run is timed to end before the margin; default."
    )
    rescue_every: PositiveDuration | None = Field(
        default=None, description="How often a stopped server is tried; default 6h."
    )
    slack: PositiveDuration | None = Field(
        default=None, description="Less slack than this is a risk; default 1d."
    )
    depth: Literal["stored", "hashed", "restored"] | None = Field(
        default=None, description="How deep a safe copy is verified; default stored."
    )
    quantile: float | None = Field(
        default=None, gt=0, le=1, description="Of past durations, what is planned with; 0.9."
    )
    retry_first: PositiveDuration | None = Field(
        default=None, description="Pause after a first failure, doubled by each; default 1min."
    )
    retry_most: PositiveDuration | None = Field(
        default=None, description="The longest pause between attempts; default 1h."
    )
    provider_snapshot: bool | None = Field(
        default=None,
        description="Whether the provider makes a snapshot before the stop, besides the runs; "
        "default only once ssh has ended and nothing else has saved the server.",
    )
    provider_snapshots_kept: int | None = Field(
        default=None,
        ge=1,
        description="How many complete provider snapshots are kept of each server; default 1.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> "PolicySettings":
        try:
            self.policy("checked")
        except InvalidValue as error:
            raise ValueError(str(error)) from error
        return self

    def policy(self, name: str, base: Policy = DEFAULT_POLICY) -> Policy:
        """The policy, with `base` for what is left out. Raises InvalidValue."""
        given: dict[str, Any] = {
            key: value for key in _PLAIN if (value := getattr(self, key)) is not None
        }
        if self.depth is not None:
            given["depth"] = Depth(self.depth)
        return replace(
            base, name=name, labels=frozenset(self.labels), ladder=self._ladder(base), **given
        )

    def _ladder(self, base: Policy) -> tuple[Rung, ...]:
        rungs = base.ladder
        if self.ladder is not None:
            rungs = tuple(Rung(within=rung.within, every=rung.every) for rung in self.ladder)
        if self.seed is None:
            return rungs
        # Rungs that would begin before the seed begin with it.
        nearer = tuple(rung for rung in rungs[1:] if rung.within < self.seed)
        first = rungs[len(rungs) - len(nearer) - 1]
        return (replace(first, within=self.seed), *nearer)


#: Fields that mean the same in a `Policy`.
_PLAIN: Final = (
    *("margin", "final", "rescue_every", "slack", "quantile", "retry_first", "retry_most"),
    *("provider_snapshot", "provider_snapshots_kept"),
)


def policies_of(settings: Mapping[str, PolicySettings]) -> tuple[Policy, ...]:
    """Every policy, the default one included, by name. Raises InvalidValue."""
    base = DEFAULT_POLICY
    if "default" in settings:
        base = settings["default"].policy("default")
    others = (
        given.policy(name, base) for name, given in sorted(settings.items()) if name != "default"
    )
    return (base, *others)
