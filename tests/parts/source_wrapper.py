"""The wrapper that a server forces on Lapseguard's key, asked what it would run."""

import io
import os
import runpy
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

DEPLOYED = Path(__file__).parents[2] / "deploy/source"
WRAPPER = DEPLOYED / "lapseguard-source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What it says to a command.

    Attributes:
        argv: What it would run; None where it refuses.
        code: Its exit code.
        said: On standard error.
    """

    argv: list[str] | None
    code: int
    said: str


def rule(command: str | bytes, wrapper: Path = WRAPPER) -> Ruling:
    """Ask for a command as sshd would, but have it shown instead of run.

    All within this process, since there is much to ask.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, SSH_ORIGINAL_COMMAND=os.fsdecode(command)),
        patch.object(sys, "argv", [str(wrapper), "--check"]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = runpy.run_path(str(wrapper))["main"]()
    argv = shlex.split(out.getvalue()) if code == 0 else None
    return Ruling(argv=argv, code=code, said=err.getvalue())


def copy_with_lists(folder: Path) -> Path:
    """A wrapper that reads its lists of further commands from `folder`."""
    copy = folder / WRAPPER.name
    copy.write_text(WRAPPER.read_text().replace("/etc/lapseguard/", f"{folder}/"))
    copy.chmod(0o755)
    return copy
