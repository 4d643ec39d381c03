"""Acting as somebody without rights, in tests that run as root.

Credentials belong to a thread in Linux; it is only the C library that keeps all threads of a
process alike. So one thread can drop its own, with the threads it starts, while the tests around
it stay root. (A forked child would do too, if it did not inherit locks that other threads held,
and the pipes whose closing ends the tests' servers.)
"""

import ctypes
import os
import platform
import threading
from collections.abc import Callable
from typing import TypeVar

import pytest

NOBODY = 65534

# setgroups, setresgid and setresuid; from the kernel's table of each architecture.
_CALLS = {"x86_64": (116, 119, 117), "aarch64": (159, 149, 147)}


T = TypeVar("T")


def act_as_nobody(action: Callable[[], T]) -> T:
    """Run `action` without privileges; its result or its failure is the caller's."""
    if os.geteuid() != 0:
        return action()
    calls = _CALLS.get(platform.machine())
    if calls is None:
        pytest.skip(f"how a thread drops its rights on {platform.machine()} is not known")
    results: list[T] = []
    failures: list[BaseException] = []

    def act() -> None:
        try:
            _drop_rights(calls)
            results.append(action())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _drop_rights(calls: tuple[int, int, int]) -> None:
    setgroups, setresgid, setresuid = calls
    kernel = ctypes.CDLL(None, use_errno=True).syscall
    for number, *arguments in (
        (setgroups, 0, 0),
        (setresgid, NOBODY, NOBODY, NOBODY),
        (setresuid, NOBODY, NOBODY, NOBODY),
    ):
        if kernel(number, *arguments) != 0:
            raise OSError(ctypes.get_errno(), "the thread could not drop its rights")
