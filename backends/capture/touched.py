"""Which entries of a tree are to be looked at, as a tree of names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Touched:
    """One folder's entries that are to be looked at, each with those below it."""

    below: dict[bytes, "Touched"] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Iterable[bytes]) -> Self:
        """Of the paths, relative to the image, and of every folder on the way to them."""
        root = cls()
        for path in paths:
            place: Touched = root
            for name in path.split(b"/"):
                place = place.below.setdefault(name, Touched())
        return root
