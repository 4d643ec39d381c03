"""How the dumps of a run are loaded again, once they are restored."""

import re
import shlex
from dataclasses import dataclass
from typing import Final

from backends.repository.included import Included, include_paths
from daemon.domain.beside import FILE, Beside, DumpFact
from daemon.domain.dump import POSTGRES_GLOBALS
from daemon.domain.pathtext import RawPath

_FILE: Final = re.compile(rf"\b{FILE}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """One dump and how it is loaded.

    Attributes:
        dump: See `DumpFact`.
        path: Where it is restored to.
        command: A line for a shell, or words where no single command does it.
    """

    dump: DumpFact
    path: str
    command: str


def loadings(
    beside: Beside,
    root: str,
    *,
    include: tuple[RawPath, ...] = (),
    exclude: tuple[RawPath, ...] = (),
) -> tuple[Loading, ...]:
    """How to load each dump that a restore brings back, in the order in which to do it.

    Args:
        beside: Of the run.
        root: What stands for `/`: the folder that is restored into.
        include: See `RestoreOrder`.
        exclude: Likewise.
    """
    wanted = include_paths(include, exclude)
    found = [dump for dump in beside.dumps if dump.is_there and _is_wanted(wanted, dump.path)]
    # Databases belong to roles, which have to be there first.
    found.sort(key=lambda dump: dump.kind != POSTGRES_GLOBALS)
    return tuple(_loading(dump, f"{root.rstrip('/')}{dump.path}") for dump in found)


def _loading(dump: DumpFact, path: str) -> Loading:
    quoted = shlex.quote(path)
    return Loading(dump=dump, path=path, command=_FILE.sub(lambda _: quoted, dump.load))


def _is_wanted(wanted: Included, path: str) -> bool:
    below: Included | None = wanted
    for name in path.strip("/").split("/"):
        below = below.below(name.encode()) if below is not None else None
    return below is not None and below.whole
