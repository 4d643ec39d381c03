"""Which part of the staging image a run's paths select."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Selection:
    """One folder of the image: wholly selected, or only some of its children.

    Attributes:
        whole: Everything below belongs to the copy.
        children: Selected names where `whole` is False.
    """

    whole: bool = False
    children: dict[bytes, "Selection"] = field(default_factory=dict)

    def names(self, name: bytes) -> bool:
        """Whether an entry called `name` belongs to the copy."""
        return self.whole or name in self.children

    def below(self, name: bytes) -> "Selection":
        """The selection inside the child `name`."""
        return WHOLE if self.whole else self.children[name]


WHOLE = Selection(whole=True)


def select(paths: tuple[str, ...]) -> Selection:
    """The selection that absolute server paths make; `/` selects everything."""
    root = Selection()
    for path in paths:
        _add(root, [part for part in path.encode(errors="surrogateescape").split(b"/") if part])
    return root


def _add(node: Selection, parts: list[bytes]) -> None:
    for part in parts:
        if node.whole:
            return
        node = node.children.setdefault(part, Selection())
    node.whole = True
    node.children.clear()
