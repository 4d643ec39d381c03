"""How a capture hears that it is to end before its time."""

from typing import Protocol


class Halt(Protocol):
    """Is asked again and again, from several threads."""

    def is_over(self) -> bool:
        """Whether nothing more is to be taken in: what is stored by now is to be written down."""

    def check(self) -> None:
        """Raise, if not even that is to be done any more."""


class NoHalt:
    """Nobody ends the capture."""

    def is_over(self) -> bool:
        """See `Halt.is_over`."""
        return False

    def check(self) -> None:
        """See `Halt.check`."""
