"""Global options may stand anywhere on the command line; here they are brought to the front."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

_FLAGS: Final = re.compile(r"-[vq]+|--verbose|--quiet|--log-json|--version")
_CONFIG: Final = "--config"


def bring_forward(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the global options first; what follows `--` is left alone.

    An option's value that looks like a global option is written with `=`: `--exclude=-v`.
    """
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument == _CONFIG:
            front += [argument, *islice(remaining, 1)]
        elif argument.startswith(f"{_CONFIG}=") or _FLAGS.fullmatch(argument):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest
