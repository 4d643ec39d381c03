"""Which entries of a tree are to be looked at, as a tree of names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

#: What no name can hold.
_END: Final = b"\0"


@dataclass(slots=True)
class Touched:
    """One folder's entries that are to be looked at, each with those below it."""

    #: Entries of which something below is to be looked at, too.
    _folders: dict[bytes, "Touched"] = field(default_factory=dict)
    #: Names of entries, perhaps of the same ones: most are files, and values would take much more.
    _names: bytearray = field(default_factory=bytearray)

    @classmethod
    def of(cls, paths: Iterable[bytes]) -> Self:
        """Of the paths, relative to the image, and of every folder on the way to them."""
        root = cls()
        for path in paths:
            place: Touched = root
            *folders, last = path.split(b"/")
            for name in folders:
                place = place.enter(name)
            place.add(last)
        return root

    def names(self) -> set[bytes]:
        """Of all entries of this folder that are to be looked at."""
        return {*self._folders, *bytes(self._names).split(_END)[:-1]}

    def below(self, name: bytes) -> "Touched":
        """What is to be looked at below one of its entries."""
        return self._folders.get(name, _NOTHING)

    def add(self, name: bytes) -> None:
        """One more of its entries."""
        self._names += name
        self._names += _END

    def enter(self, name: bytes) -> "Touched":
        """One of its entries, of which something below is to be looked at."""
        found = self._folders.get(name)
        if found is None:
            found = self._folders[name] = Touched()
        return found


#: It stays empty.
_NOTHING: Final = Touched()
