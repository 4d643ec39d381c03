"""Which part of a snapshot a restore is asked for.

A pattern is a path from the root; leading, trailing and doubled slashes mean nothing. In a
component, `*`, `?` and `[…]` stand for characters as in a shell; a component `**` stands for any
number of folders, also none. A component that is spelled exactly like a name means it, whatever
characters it has. What is wanted is wanted with all that is below, and with the folders above.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

_DEEP: Final = b"**"
_SPECIAL: Final = re.compile(rb"[*?\[]")


@dataclass(frozen=True, slots=True)
class _Part:
    """One component of a pattern."""

    text: bytes
    fitting: re.Pattern[bytes] | None

    def fits(self, name: bytes) -> bool:
        return name == self.text or (self.fitting is not None and bool(self.fitting.match(name)))


@dataclass(slots=True, eq=False)
class _Pattern:
    """A whole pattern; `met` once something fits it."""

    text: bytes
    parts: tuple[_Part, ...]
    met: bool = False

    def reached(self, position: int) -> Iterator["_Standing"]:
        """`position`, and what lies beyond it as `**` may stand for nothing."""
        yield self, position
        while position < len(self.parts) and self.parts[position].text == _DEEP:
            position += 1
            yield self, position


#: A pattern, and how many of its components have been met on the way down.
_Standing = tuple[_Pattern, int]


@dataclass(frozen=True, slots=True)
class Included:
    """One folder of the snapshot: wholly wanted, or only some of what is in it.

    Attributes:
        whole: It is wanted, and all below it but what is left out.
    """

    whole: bool
    _wanted: frozenset[_Standing] = frozenset()
    _unwanted: frozenset[_Standing] = frozenset()
    _asked: tuple[_Pattern, ...] = field(default=(), repr=False)

    def below(self, name: bytes) -> "Included | None":
        """What is wanted of the entry `name`, which is there: None where nothing is."""
        if self.whole and not self._unwanted:
            return self
        unwanted = _advance(self._unwanted, name)
        if any(map(_is_over, unwanted)):
            return None
        if self.whole:
            return Included(True, frozenset(), unwanted)
        wanted = _advance(self._wanted, name)
        if not wanted:
            return None
        whole = any(map(_is_over, wanted))
        if whole:
            # The others could only ask for parts of it once more.
            for pattern, _ in wanted:
                pattern.met = True
        return Included(whole, wanted, unwanted)

    def unmet(self) -> Iterator[bytes]:
        """Of the root: the wanted patterns that nothing has fitted, sorted."""
        yield from sorted(pattern.text for pattern in self._asked if not pattern.met)


def include_paths(wanted: Iterable[bytes], unwanted: Iterable[bytes] = ()) -> Included:
    """Want what fits these patterns, or everything where there are none; and leave some out.

    The root as a pattern is everything; it cannot be left out.
    """
    asked = tuple(map(_parse, wanted))
    barred = [pattern for pattern in map(_parse, unwanted) if pattern.parts]
    whole = not all(pattern.parts for pattern in asked) or not asked
    return Included(
        whole,
        frozenset(standing for pattern in asked for standing in pattern.reached(0)),
        frozenset(standing for pattern in barred for standing in pattern.reached(0)),
        () if whole else asked,
    )


def _parse(text: bytes) -> _Pattern:
    names = tuple(filter(None, text.split(b"/")))
    return _Pattern(b"/".join(names), tuple(_Part(name, _compile(name)) for name in names))


def _compile(name: bytes) -> re.Pattern[bytes] | None:
    if not _SPECIAL.search(name):
        return None
    # Bytes as the characters of the same numbers, since names need not be text.
    return re.compile(fnmatch.translate(name.decode("latin-1")).encode("latin-1"))


def _advance(standings: frozenset[_Standing], name: bytes) -> frozenset[_Standing]:
    found = set[_Standing]()
    for pattern, position in standings:
        part = pattern.parts[position] if position < len(pattern.parts) else None
        if part is None:
            continue
        if part.text == _DEEP:
            found.update(pattern.reached(position))
        elif part.fits(name):
            found.update(pattern.reached(position + 1))
    return frozenset(found)


def _is_over(standing: _Standing) -> bool:
    pattern, position = standing
    return position == len(pattern.parts)
