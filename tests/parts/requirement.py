"""What a test needs from the machine: absent on a laptop it skips, in CI it fails."""

import os
import shutil

import pytest


def require(present: object, what: str, remedy: str) -> None:
    """Skip the calling test when `what` is missing; under CI fail it, so nothing hides."""
    if present:
        return
    message = f"{what} is missing: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def require_program(name: str, package: str) -> str:
    """The absolute path of a program, or skip/fail naming the package that has it."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    require(path, name, f"apt-get install {package}")
    assert path is not None
    return path
