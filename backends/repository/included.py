"""Which part of a snapshot a restore is asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Included:
    """One folder of the snapshot: wholly wanted, or only some of what is in it.

    Attributes:
        whole: Everything below is wanted.
        children: Wanted names where `whole` is False.
        met: Whether the snapshot has this path.
    """

    whole: bool = False
    children: dict[bytes, "Included"] = field(default_factory=dict)
    met: bool = False

    def below(self, name: bytes) -> "Included | None":
        """What is wanted of the entry `name`: None where nothing is."""
        return self if self.whole else self.children.get(name)

    def unmet(self, path: bytes = b"") -> Iterator[bytes]:
        """The wanted paths that the snapshot turned out not to have."""
        if self.whole:
            if not self.met:
                yield path
            return
        for name, child in sorted(self.children.items()):
            yield from child.unmet(path + b"/" + name if path else name)


def include_paths(paths: Iterable[bytes]) -> Included:
    """Want these paths and all that is below them; no paths means everything.

    Leading, trailing and doubled slashes mean nothing; `/` is everything.
    """
    root = Included()
    wanted = [list(filter(None, path.split(b"/"))) for path in paths]
    if not all(wanted) or not wanted:
        return Included(whole=True, met=True)
    for parts in wanted:
        node = root
        for part in parts:
            node = node.children.setdefault(part, Included())
        node.whole = True
    return root
