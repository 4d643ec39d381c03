"""What the commands that restore a run work with."""

import threading
from dataclasses import dataclass

from daemon.bootstrap import Application
from daemon.services.restoration import Restoration


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRestore:
    """What a restore works with: `stop` is set by a signal."""

    application: Application
    restoration: Restoration
    stop: threading.Event
