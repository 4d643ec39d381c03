"""Whether the staging image is known to be the parent's tree, and until when that is believed."""

from collections.abc import Callable
from datetime import datetime, timedelta

from backends.capture.mark import ImageMark, read_mark, write_mark
from backends.capture.report import CaptureReport
from backends.capture.staging import Staging
from backends.errors import LocalPathUnusable
from backends.types import PullSpec
from daemon.services.baseline import Baseline


def known_mark(staging: Staging) -> ImageMark | None:
    """The mark that the last run left; None where it did not end in order."""
    return None if staging.is_interrupted else read_mark(staging.root)


def trusted_mark(
    mark: ImageMark | None,
    baseline: Baseline,
    spec: PullSpec,
    *,
    now: datetime,
    walk_every: timedelta,
) -> ImageMark | None:
    """The image's mark, where everything that an edit of the parent's tree needs is at hand.

    None, so that the whole image is walked: there is no `mark`, other paths are
    asked for, another snapshot is the parent, a pack or the listing of checksums is missing, or
    the last walk was too long ago. Damage to staging that rsync does not see comes to light then.
    """
    if mark is None or mark.repository != baseline.repository.id or mark.paths != spec.paths:
        return None
    age = now.timestamp() - mark.walked_at
    if mark.base.tree != baseline.tree or not 0 <= age < walk_every.total_seconds():
        return None
    if not mark.base.packs <= baseline.index.pack_ids() or baseline.sums.document is None:
        return None
    return mark


def next_mark(
    report: CaptureReport,
    baseline: Baseline,
    spec: PullSpec,
    *,
    before: ImageMark | None,
    now: datetime,
) -> ImageMark | None:
    """The mark of an image after a capture; None where the image is not what the tree says."""
    if report.base is None:
        return None
    edited = before is not None and report.edition is not None
    return ImageMark(
        repository=baseline.repository.id,
        paths=spec.paths,
        walked_at=before.walked_at if before and edited else now.timestamp(),
        base=report.base,
    )


def leave_mark(staging: Staging, mark: ImageMark | None, warn: Callable[[str], None]) -> None:
    """Leave it for the next run; without it that one looks at the whole image."""
    if mark is None:
        return
    try:
        write_mark(staging.root, mark)
    except LocalPathUnusable as error:
        warn(str(error))
