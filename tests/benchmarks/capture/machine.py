"""What a report says of the machine and of the code: enough to judge figures by, and no names."""

import os
import platform
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.capture.record import Machine, Origin

#: How each program says its version.
_PROGRAMS = {
    "rsync": ("rsync", "--version"),
    "restic": ("restic", "version"),
    "ssh": ("ssh", "-V"),
}
_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")
#: Options whose values say only where things lie on this machine.
_PLACES = frozenset({"--scratch", "--json", "--report", "--profile", "--small"})


def describe_machine() -> Machine:
    """Cores, memory and versions."""
    versions = [("kernel", platform.release()), ("python", platform.python_version())]
    versions += [(name, _version(argv)) for name, argv in _PROGRAMS.items()]
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        versions=tuple(versions),
    )


def tell_origin(module: str, words: Sequence[str]) -> Origin:
    """Where figures come from that are measured from now on.

    Args:
        module: That is run.
        words: Of its command line.
    """
    return Origin(
        commit=_commit(),
        command=shlex.join(("python", "-m", module, *without_places(words))),
        day=time.strftime("%Y-%m-%d", time.gmtime()),
        load=os.getloadavg()[0],
    )


def without_places(words: Sequence[str]) -> list[str]:
    """The words but for options that name files and folders of this machine."""
    kept: list[str] = []
    is_place = False
    for word in words:
        if not is_place and word.partition("=")[0] not in _PLACES:
            kept.append(word)
        is_place = not is_place and word in _PLACES
    return kept


def _version(argv: tuple[str, ...]) -> str:
    if shutil.which(argv[0]) is None:
        return "missing"
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = _VERSION.search(said.stdout + said.stderr)
    return found.group().rstrip(",") if found else "unknown"


def _commit() -> str:
    """As git names it, with a word if files differ from it."""
    here = Path(__file__).parent
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=8", "--exclude=*"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"
