"""How much is in use over time, as a step function that tells its peak over any stretch."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Profile:
    """The sum of amounts, each in use from a start up to, and not at, an end."""

    def __init__(self, uses: Iterable[tuple[int, int, int]]) -> None:
        """Build it.

        Args:
            uses: Start, end and amount of each.
        """
        changes: dict[int, int] = {}
        for start, end, amount in uses:
            changes[start] = changes.get(start, 0) + amount
            changes[end] = changes.get(end, 0) - amount
        self.moments = sorted(changes)
        #: Of leaves, the moments first; a power of two.
        self._count = 1 << max(0, len(self.moments) - 1).bit_length()
        levels = list(accumulate(changes[moment] for moment in self.moments))
        self._tree = _tournament(levels, self._count)

    def at(self, moment: int) -> int:
        """How much is in use at this moment."""
        place = bisect_right(self.moments, moment) - 1
        return self._tree[self._count + place] if place >= 0 else 0

    def peak(self, start: int, end: int) -> int:
        """The most that is in use at any moment from `start` up to, and not at, `end`."""
        if not self.moments or end <= start:
            return 0
        low = bisect_right(self.moments, start) - 1
        high = bisect_left(self.moments, end)
        # Before its first moment nothing is in use, so 0 stands for what lies to the left of it.
        return self._highest(max(low, 0), high)

    def first_at_least(self, start: int, amount: int) -> int | None:
        """The first moment from `start` on at which so much is in use; None if there is none.

        Args:
            start: A moment.
            amount: More than nothing.
        """
        place = bisect_right(self.moments, start) - 1
        node, tree = self._count + max(place, 0), self._tree
        while tree[node] < amount:
            # Right children have been looked at with all before them: go on beside their parents.
            while node & 1:
                node >>= 1
            if not node:
                return None
            node += 1
        while node < self._count:
            node *= 2
            if tree[node] < amount:
                node += 1
        return max(start, self.moments[node - self._count])

    def _highest(self, low: int, high: int) -> int:
        """The highest of the levels from place `low` up to, and not at, `high`; 0 for none."""
        tree, found = self._tree, 0
        low += self._count
        high += self._count
        while low < high:
            if low & 1:
                found = max(found, tree[low])
                low += 1
            if high & 1:
                high -= 1
                found = max(found, tree[high])
            low >>= 1
            high >>= 1
        return found


def _tournament(levels: list[int], count: int) -> list[int]:
    """A tree in one list: the leaves are its second half, each node the higher of its two."""
    tree = [0] * count + levels + [0] * (count - len(levels))
    for place in range(count - 1, 0, -1):
        left, right = tree[2 * place], tree[2 * place + 1]
        tree[place] = max(right, left)
    return tree
