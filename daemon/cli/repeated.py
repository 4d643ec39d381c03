"""Options that may be given several times, and taken away with ''."""

from collections.abc import Sequence


def texts_from(given: Sequence[str] | None) -> tuple[str, ...] | None:
    """What a repeated option says; one '' stands for nothing, no option at all for None."""
    return None if given is None else tuple(text for text in given if text)
