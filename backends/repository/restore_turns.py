"""Decides which process writes the next pack of a restore."""

import threading


class WritingTurns:
    """The other process whenever it has room, this one only in its turn; for several threads.

    It is this one's turn while nobody here walks trees: that is all Python, and two threads of
    Python hinder each other.

    Args:
        seats: How many packs the other process takes at a time; 0 where there is none.
    """

    def __init__(self, seats: int) -> None:
        self._changed = threading.Condition()
        self._seats = seats
        self._ours = False

    def begin(self) -> None:
        """From now on it is our turn."""
        with self._changed:
            self._ours = True
            self._changed.notify_all()

    def end(self) -> None:
        """From now on it is not; whoever is in the midst of something ends that first."""
        with self._changed:
            self._ours = False

    def wait(self) -> None:
        """Wait until it is our turn."""
        with self._changed:
            self._changed.wait_for(lambda: self._ours)

    def take_seat(self) -> bool:
        """Wait for room in the other process or for our turn; says whether room was taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._seats or self._ours)
            if not self._seats:
                return False
            self._seats -= 1
            return True

    def leave_seat(self) -> None:
        """Make room again."""
        with self._changed:
            self._seats += 1
            self._changed.notify_all()
