"""How well a server's data is kept, in one word."""

import enum
from functools import total_ordering


@total_ordering
class Verdict(enum.Enum):
    """What is to be thought of a server; verdicts compare by gravity, the best first."""

    #: A young copy, proven deep enough, lies where it outlives the server, and there is time.
    SAFE = "safe"
    #: Something of that is missing, and there is time to mend it.
    AT_RISK = "at risk"
    #: What has to be saved yet may not be saved in time, or was not.
    LATE = "late"
    #: Data is gone of which there is no copy.
    LOST = "lost"

    def __lt__(self, other: "Verdict") -> bool:
        if not isinstance(other, Verdict):
            return NotImplemented
        gravity = tuple(Verdict)
        return gravity.index(self) < gravity.index(other)
