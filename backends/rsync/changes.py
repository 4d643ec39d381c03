"""Which paths of the image a pull has changed, by rsync's own lines.

rsync 3.5 prints a line for everything that it changes: content, times, modes, owners, ACLs and
extended attributes of files, folders, links and devices, the folders above the paths asked for,
and `*deleting` for what is removed, also by a new exclude and inside of removed folders. It
prints none for the other names of a hard-linked file whose attributes change or that gets or
loses a name.
"""

from backends.pathlist import PathList
from backends.rsync.output import Change, ChangeKind
from backends.types import Arrival

#: With more of them it costs less to look at everything.
_MOST = 200_000


class ChangedPaths:
    """Collects them; used by one thread at a time."""

    def __init__(self) -> None:
        self._paths: PathList | None = PathList()

    def note(self, event: Arrival | Change | None) -> None:
        """Take a line in; None is one that is not understood, and may have hidden another."""
        if isinstance(event, Change) and event.kind is ChangeKind.OVERSIZE:
            return
        if event is None:
            self.doubt()
        elif self._paths is not None:
            self._paths.add(event.path)
            if len(self._paths) > _MOST:
                self.doubt()

    def doubt(self) -> None:
        """Something may have changed without a line."""
        self._paths = None

    def all(self) -> PathList | None:
        """Every path, some perhaps more than once; None where one may be missing."""
        return self._paths
