"""Whether the staging image is known to be the parent's tree, and until when that is believed."""

from datetime import datetime, timedelta

from backends.capture.mark import ImageMark, read_mark
from backends.capture.report import CaptureReport
from backends.capture.staging import Staging
from backends.types import PullSpec
from daemon.services.baseline import Baseline


def trusted_mark(
    staging: Staging, baseline: Baseline, spec: PullSpec, *, now: datetime, walk_every: timedelta
) -> ImageMark | None:
    """The image's mark, where everything that an edit of the parent's tree needs is at hand.

    None, so that the whole image is walked: the last run did not end in order, other paths are
    asked for, another snapshot is the parent, a pack or the listing of checksums is missing, or
    the last walk was too long ago. Damage to staging that rsync does not see comes to light then.
    """
    mark = None if staging.is_interrupted else read_mark(staging.root)
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
