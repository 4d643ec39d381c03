"""How far a run is, in words: one wording for the moving line, for plain lines and for `status`."""

from datetime import timedelta
from typing import Final

from backends.capture.progress import CapturePhase
from daemon.cli.output import size, span
from daemon.domain.progress import Progress

_PHASES: Final = {
    CapturePhase.PULL.value: "pulling and storing",
    CapturePhase.TREES.value: "recording folders",
    CapturePhase.FLUSH.value: "uploading the last packs",
    CapturePhase.DONE.value: "stored",
}


def describe(now: Progress, *, rate: bool = True) -> str:
    """The counters as a phrase; the rate and the time left are left out where they show anyway."""
    parts = [
        # A dump is one file, which has arrived only once all of it has.
        f"{size(now.read_bytes)} so far" if now.phase not in _PHASES else "",
        f"{now.arrived_files:,} files, {size(now.arrived_bytes)} arrived",
        f"{now.stored_files:,} files, {size(now.stored_bytes)} stored",
        f"{size(now.safe_bytes)} safe in a checkpoint" if now.safe_files else "",
        f"{size(now.rate)}/s" if rate and now.rate else "",
        f"{span(now.left)} left" if rate and now.left is not None else "",
        _deadline(now.spare),
    ]
    phase = _PHASES.get(now.phase, now.phase)
    return f"{phase}: {', '.join(part for part in parts if part)}"


def _deadline(spare: timedelta | None) -> str:
    if spare is None:
        return ""
    if spare < timedelta():
        return f"{span(-spare)} TOO LATE for the deadline"
    return f"{span(spare)} to spare before the deadline"
