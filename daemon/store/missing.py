"""What to say when a name is not there."""

import difflib
from collections.abc import Iterable

from daemon.errors import NotFound


def not_found(kind: str, name: str, known: Iterable[str]) -> NotFound:
    """An error that names the nearest name there is, if one is near.

    Args:
        kind: What was looked for: `server`, `contract`, `run`.
        name: What was asked for.
        known: The names that exist.
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"Did you mean {near[0]}?" if near else None
    return NotFound(f"There is no {kind} {name!r}.", hint=hint)
