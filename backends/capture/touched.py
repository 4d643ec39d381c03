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
            *folders, last = path.split(b"/")
            for name in folders:
                place = place.enter(name)
            place.below.setdefault(last, _NOTHING_BELOW)
        return root

    def enter(self, name: bytes) -> "Touched":
        """One of its entries, of which something below is to be looked at."""
        found = self.below.get(name, _NOTHING_BELOW)
        if found is _NOTHING_BELOW:
            found = self.below[name] = Touched()
        return found


#: Most entries are files, and one for all of them takes next to no memory. It stays empty.
_NOTHING_BELOW = Touched()
