"""How hard runs work, by the settings."""

import os
from dataclasses import dataclass
from datetime import timedelta

from backends.capture.cadence import CheckpointInterval
from backends.capture.window import StagingMode
from daemon.settings.capture import CaptureSettings
from daemon.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How hard to work.

    Attributes:
        compression_level: Of zstd.
        pack_size: Bytes after which a pack is sent off.
        workers: Threads that store what arrives.
        uploads: Packs on their way at the same time.
        staging: What staging keeps of what is stored.
        window: Bytes that may wait in staging where it keeps nothing else.
        floor: Bytes that stay free on the disk of staging, where it keeps what there is room for.
        walk_every: The whole staging image is looked at once in so long; between, only what
            rsync has changed.
        checkpoints: When what has arrived is made restorable; None for at the end only.
    """

    compression_level: int
    pack_size: int
    workers: int
    uploads: int
    staging: StagingMode = StagingMode.AUTO
    window: int = 256 << 20
    floor: int = 1 << 30
    walk_every: timedelta = timedelta(days=7)
    checkpoints: CheckpointInterval | None = None


def tuning_of(settings: Settings) -> Tuning:
    """What `[defaults]` and `[capture]` say; a server's record may say otherwise."""
    defaults, capture = settings.defaults, settings.capture
    return Tuning(
        compression_level=defaults.compression_level,
        staging=StagingMode(defaults.staging),
        window=int(defaults.window),
        pack_size=int(defaults.pack_size),
        workers=defaults.workers or os.cpu_count() or 1,
        uploads=defaults.uploads,
        walk_every=capture.walk_every,
        checkpoints=_checkpoints(capture),
    )


def _checkpoints(capture: CaptureSettings) -> CheckpointInterval | None:
    if capture.checkpoint_every is None:
        return None
    return CheckpointInterval(every=capture.checkpoint_every, size=int(capture.checkpoint_bytes))
