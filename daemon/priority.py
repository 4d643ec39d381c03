"""Giving way to others on this host: less processor time and less of the disk, if wanted.

What is set here holds for the thread that sets it, and for every thread and program that it starts
from then on: so it is set once, before anything else is started.
"""

import os

from backends.errors import LocalError
from backends.process import run
from daemon.log import LOG
from daemon.settings.model import IoPriority

#: As `ionice` has them: class, and level within it.
_CLASSES = {"low": ("-c", "2", "-n", "7"), "idle": ("-c", "3")}
_SECONDS = 10


def give_way(nice: int, io_priority: IoPriority) -> None:
    """Be as nice as this, unless we are nicer already; `normal` leaves the disk as it is.

    Args:
        nice: 0 to 19.
        io_priority: See the settings.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    if io_priority == "normal":
        return
    try:
        words = ("ionice", *_CLASSES[io_priority], "-p", str(os.getpid()))
        run(words, timeout=_SECONDS, check=True)
    except LocalError as error:
        # Safe to go on: others are slower then, and nothing is wrong.
        LOG.warning("priority.unchanged", message=str(error))
