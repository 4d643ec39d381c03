"""How hard runs work, by the settings."""

import os

from backends.capture.cadence import CheckpointInterval
from backends.capture.window import StagingMode
from daemon.services.deposit import Tuning
from daemon.settings.capture import CaptureSettings
from daemon.settings.model import Settings


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
