"""A pull that begins while the repository is still being opened.

To log in and to compare both sides takes rsync as long as opening a repository takes us, and
neither needs the other. Nothing is written to the repository before its lock is held; what
arrives meanwhile waits in staging and in its journal. Where the repository cannot be used, the
pull is ended, and staging is as after a run that broke off.
"""

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backends.capture.mark import ImageMark, read_mark, remove_mark
from backends.capture.staging import Staging
from backends.capture.window import StagingMode
from backends.protocols import SourcePull, StopSignal
from backends.rsync.begun import BegunPull, RoomToCome
from backends.rsync.brake import Room
from backends.snapshot.watch import Either
from backends.types import PullSpec

if TYPE_CHECKING:  # known only once the repository is
    from daemon.services.baseline import Baseline

#: Makes a pull from its journal, what ends it, and its room.
MakePull = Callable[[Callable[[bytes], object], StopSignal, Room], SourcePull]

#: So many times what must stay free on the disk has to be free: then nothing has to leave staging.
_EASE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyPull:
    """One that is under way; `close` it at the end, which gives it up if nobody has taken it.

    Attributes:
        pull: Whoever asks it for the same gets what it brings.
        room: Takes whatever comes until somebody takes care of it.
        mark: Of the image, as it was before.
        blank: Nothing was in the image before.
        roomy: Tells whether nothing has to leave staging.
    """

    pull: BegunPull
    room: RoomToCome
    mark: ImageMark | None
    blank: bool
    roomy: Callable[[], bool]
    _held: ExitStack = field(repr=False)

    def serves(self, baseline: "Baseline") -> bool:
        """Whether there was nothing to be done about the image before, as it turns out."""
        return (self.blank or baseline.head is not None) and self.roomy()

    def close(self) -> None:
        """End it, and its journal."""
        self._held.close()


def begin_early(
    staging: Staging,
    spec: PullSpec,
    make_pull: MakePull,
    stop: StopSignal,
    *,
    mode: StagingMode,
    floor: int,
) -> EarlyPull | None:
    """Begin to pull; None where something else has to come first.

    What was left of a run that broke off has to be looked through, and what must leave staging
    has to leave it, by what the repository has.

    Args:
        staging: Prepared.
        spec: What to pull.
        make_pull: See `MakePull`.
        stop: Ends it.
        mode: What staging keeps.
        floor: Bytes that stay free on its disk.

    Raises:
        LocalPathUnusable: staging cannot be written.
    """
    floor = 0 if mode is StagingMode.FULL else floor

    def is_roomy() -> bool:
        return shutil.disk_usage(staging.image).free >= _EASE * floor

    if staging.is_interrupted or staging.vacated.is_there:
        return None
    if mode is StagingMode.WINDOW or not is_roomy():
        return None
    mark, blank = read_mark(staging.root), _is_blank(staging.image)
    remove_mark(staging.root)
    over = threading.Event()
    room = RoomToCome(str(staging.image), floor)
    with ExitStack() as held:
        journal = held.enter_context(staging.open_journal())
        inner = make_pull(journal.write, Either(signals=(stop, over)), room)
        pull = held.enter_context(BegunPull(inner, spec, over))
        return EarlyPull(
            pull=pull, room=room, mark=mark, blank=blank, roomy=is_roomy, _held=held.pop_all()
        )


def choose_early(
    early: EarlyPull | None, staging: Staging, baseline: "Baseline"
) -> EarlyPull | None:
    """The pull that is under way, unless it has begun too early: then it is given up.

    Raises:
        LocalPathUnusable, LocalDiskFull: see `Staging.prepare`.
    """
    if early is None or early.serves(baseline):
        return early
    early.close()
    staging.prepare()  # so that its journal counts as that of a run that broke off
    return None


def _is_blank(image: Path) -> bool:
    with os.scandir(image) as entries:
        return next(entries, None) is None
