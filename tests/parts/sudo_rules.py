"""The deployed sudoers file, judged by the machine's own sudo and only in a mount namespace."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.parts.requirement import require, require_program
from tests.parts.source_wrapper import DEPLOYED

SUDOERS = DEPLOYED / "lapseguard.sudoers"
#: Stands for the login `lapseguard`; every machine has it.
LOGIN = "nobody"

#: Puts the file given first in the place of /etc/sudoers, for the rest of the words only.
WITH_RULES = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/sudoers && exec "$@"')

_JUDGE = """
import json, subprocess, sys
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
ask = ["sudo", "-n", "-l", "-U", sys.argv[1], "--"]
print(json.dumps([subprocess.run([*ask, *argv], **quiet).returncode == 0
                  for argv in json.load(sys.stdin)]))
"""


def require_sudo() -> None:
    """Skip where sudo cannot be asked, or knows no regular expressions."""
    require_program("sudo", "sudo")
    require(os.geteuid() == 0, "the right to mount", "run the tests as root")
    require(_version() >= (1, 9, 10), "sudo 1.9.10", "a newer system")


def install_rules(folder: Path, replacing: Sequence[tuple[str, str]] = ()) -> Path:
    """The deployed rules for `LOGIN`, as sudo wants a file to be."""
    text = SUDOERS.read_text().replace("LAPSEGUARD = lapseguard", f"LAPSEGUARD = {LOGIN}")
    for old, new in replacing:
        text = text.replace(old, new)
    copy = folder / "sudoers"
    copy.write_text(text)
    copy.chmod(0o440)
    return copy


def permitted(commands: Sequence[Sequence[str]], folder: Path) -> list[bool]:
    """Which of these commands the rules let the login run as root.

    Programs that this machine may lack are stood in for, as sudo knows only what is there.
    """
    programs = folder / "sbin"
    programs.mkdir(exist_ok=True)
    for name in ("lvs", "lvcreate", "lvremove", "zfs", "nft"):
        (programs / name).touch(0o755)
    rules = install_rules(folder, [("/usr/sbin/", f"{programs}/")])
    finished = subprocess.run(
        [*WITH_RULES, rules, sys.executable, "-c", _JUDGE, LOGIN],
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        input=json.dumps(commands),
        capture_output=True,
        check=True,
        text=True,
    )
    verdicts: list[bool] = json.loads(finished.stdout)
    return verdicts


def _version() -> tuple[int, ...]:
    printed = subprocess.run(["sudo", "--version"], capture_output=True, check=True, text=True)
    number = printed.stdout.split("\n")[0].split(" ")[-1].partition("p")[0]
    return tuple(int(part) for part in number.split("."))
