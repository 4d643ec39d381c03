"""The wrapper that a server forces on Lapseguard's key, asked what it would run."""

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

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
    """Ask for a command as sshd would, but have it shown instead of run."""
    finished = subprocess.run(
        [wrapper, "--check"],
        env={**os.environ, "SSH_ORIGINAL_COMMAND": os.fsdecode(command)},
        capture_output=True,
        check=False,
        text=True,
    )
    argv = shlex.split(finished.stdout) if finished.returncode == 0 else None
    return Ruling(argv=argv, code=finished.returncode, said=finished.stderr)


def copy_with_lists(folder: Path) -> Path:
    """A wrapper that reads its lists of further commands from `folder`."""
    copy = folder / WRAPPER.name
    copy.write_text(WRAPPER.read_text().replace("/etc/lapseguard/", f"{folder}/"))
    copy.chmod(0o755)
    return copy
