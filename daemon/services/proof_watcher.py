"""Who is told how a proof goes on; apart from the proof, which whoever watches need not load."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from daemon.domain.verification import Depth

#: Takes how many more packs are done.
Step = Callable[[int], None]


class ProofWatcher(Protocol):
    """Is told how a proof goes on."""

    def proving(self, depth: Depth, packs: int, /) -> AbstractContextManager[Step]:
        """One depth is being proven; the step given takes how many more packs are done."""
