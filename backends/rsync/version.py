"""Which rsync is here, and whether it is good enough."""

import re
from dataclasses import dataclass

from backends.errors import ProgramMissing, RsyncMissing, RsyncTooOld
from backends.process import run

#: Below this, remote paths are expanded by the server's shell; see NEWS of rsync 3.2.4.
MINIMUM = (3, 2, 4)
#: Below this, fixes against hostile peers are missing unless a distribution has backported them.
ADVISED = (3, 5, 0)

_VERSION = re.compile(r"^rsync\s+version\s+v?(\d+)\.(\d+)(?:\.(\d+))?", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RsyncVersion:
    """A release of rsync, ordered by age."""

    numbers: tuple[int, int, int]

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers))

    @property
    def accepted(self) -> bool:
        """Whether Lapseguard pulls with it."""
        return self.numbers >= MINIMUM

    @property
    def advice(self) -> str | None:
        """What to tell the operator, or None where nothing is to be said."""
        if self.numbers >= ADVISED:
            return None
        return (
            f"rsync {self} predates the security fixes of 3.5.0; "
            "see that the distribution's package has them backported, or upgrade"
        )


def parse_version(output: str) -> RsyncVersion | None:
    """The version in what `rsync --version` prints, or None where it is not rsync's. Pure."""
    found = _VERSION.search(output)
    if found is None:
        return None
    major, minor, patch = found.groups(default="0")
    return RsyncVersion(numbers=(int(major), int(minor), int(patch)))


def find_local_rsync() -> RsyncVersion:
    """The version of the rsync on PATH.

    Raises:
        RsyncMissing: there is none, or what has that name is something else.
    """
    try:
        finished = run(("rsync", "--version"), timeout=20)
    except ProgramMissing as error:
        raise RsyncMissing("rsync is not installed here") from error
    version = parse_version(finished.stdout.decode("utf-8", "replace"))
    if version is None:
        raise RsyncMissing("The program `rsync` on PATH here is not rsync")
    return version


def require_local_rsync() -> RsyncVersion:
    """The version of the rsync on PATH, which is one that Lapseguard pulls with.

    Raises:
        RsyncMissing, RsyncTooOld.
    """
    version = find_local_rsync()
    if not version.accepted:
        raise RsyncTooOld(
            f"rsync {version} is too old: {RsyncVersion(numbers=MINIMUM)} or newer is needed"
        )
    return version
