"""`[capture]`: what is made safe while a run goes on, and how much is looked at."""

from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, ByteSize, Field

from daemon.settings.planning import PositiveDuration
from daemon.settings.section import Section

_NEVER: Final = "never"
_MIB: Final = 1024**2


def _no_interval(value: object) -> object:
    return None if value == _NEVER else value


class CaptureSettings(Section):
    """`[capture]`; see DESIGN's order of a run."""

    checkpoint_every: Annotated[PositiveDuration | None, BeforeValidator(_no_interval)] = Field(
        default=timedelta(minutes=1),
        description="What has arrived is restorable after so long while a run goes on, or "
        "`never`; later where the line to the store is too slow for that, or where it would cost "
        "more than a twentieth of the time.",
    )
    checkpoint_bytes: ByteSize = Field(
        default=ByteSize(1024 * _MIB),
        ge=16 * _MIB,
        description="And earlier, once so many bytes of files have arrived.",
    )
    passport: bool = Field(
        default=True,
        description="A server is asked, beside every capture, for what it takes to build it again: "
        "packages, services, users, mounts, addresses. The answers are stored as "
        "`/.lapseguard/passport.txt`.",
    )
    walk_every: PositiveDuration = Field(
        default=timedelta(days=7),
        description="The whole staging folder is looked at once in so long, and with every run "
        "verified deeper than `stored`; between, only what rsync names as changed. Damage to "
        "staging that rsync does not see comes to light then; what is stored is not affected.",
    )
