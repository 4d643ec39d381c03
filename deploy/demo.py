"""The main job on this very machine: `make demo` runs it after installing what it needs.

Starts a throwaway sshd and an S3 server on loopback, registers this machine's /usr/share/doc as a
server whose contract expires tomorrow, backs it up, verifies, restores a sample and compares it.
State lives under ./.demo, or under DEMO_DIR; every process that it starts ends with it.
"""

from __future__ import annotations

import datetime as dt
import filecmp
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from tests.parts.object_servers import SeaweedServer  # noqa: E402 - found through the path above
from tests.throwaway_sshd import Sshd  # noqa: E402

SOURCE = Path("/usr/share/doc")
SAMPLE = SOURCE / "apt"
SHOWN_LINES = 16
PROGRAM = Path(sys.executable).parent / "lapseguard"


class Demo:
    """One run of the demonstration in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "lapseguard.toml"

    def call(self, *words: str) -> None:
        """Show a command, then run it with its output on this terminal."""
        print(f"\n\033[1m$ lapseguard {shlex.join(words)}\033[0m", flush=True)
        subprocess.run(self._argv(words), check=True)

    def read(self, *words: str) -> object:
        """The JSON document that a reading command prints."""
        done = subprocess.run(self._argv((*words, "--json")), check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        return [str(PROGRAM), "--config", str(self.settings), *words]


def secret_file(folder: Path, name: str, text: str) -> Path:
    """A file that only this user can read."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def initialise(demo: Demo, store: SeaweedServer) -> None:
    """Settings, keys, database and store of the demonstration."""
    bucket = store.make_bucket("lapseguard-demo")
    key = secret_file(demo.folder, "s3-access-key", store.access_key)
    secret = secret_file(demo.folder, "s3-secret-key", store.secret_key)
    demo.call(
        "init",
        *("--state-dir", str(demo.folder / "state")),
        *("--store-url", f"s3://{bucket}", "--endpoint", store.endpoint),
        *("--access-key-id-file", str(key), "--secret-access-key-file", str(secret)),
    )


def register(demo: Demo, host: Sshd) -> None:
    """This machine as a server, on a contract that expires tomorrow."""
    target = host.target("this-machine")
    host.authorize((demo.folder / "state" / "ssh" / "id_ed25519.pub").read_text())
    demo.call(
        *("server", "add", "this-machine", "--host", target.host, "--port", str(target.port)),
        *("--user", target.user, "--host-key", target.host_key, "--path", str(SOURCE)),
    )
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    demo.call(
        *("contract", "add", "demo", "--server", "this-machine"),
        *("--provider", "this-machine", "--expires", tomorrow.isoformat(), "--timezone", "UTC"),
    )


def save_and_prove(demo: Demo) -> None:
    """Backup twice (the second finds nothing new), verify, look at the history."""
    demo.call("status")
    demo.call("backup-now", "this-machine")
    demo.call("backup-now", "this-machine")
    demo.call("verify", "this-machine", "--depth", "hashed")
    demo.call("status")
    demo.call("history")


def restore_and_compare(demo: Demo) -> None:
    """A sample comes back equal to the source, byte for byte."""
    target = demo.folder / "restored"
    demo.call("restore", "this-machine", "--target", str(target), "--include", str(SAMPLE))
    restored = target / SAMPLE.relative_to("/")
    names = [
        path.relative_to(SAMPLE)
        for path in SAMPLE.rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    wrong = [name for name in names if not same_bytes(SAMPLE / name, restored / name)]
    if wrong or not names:
        sys.exit(f"The restored sample differs: {wrong or 'it is empty'}")
    print(f"\n{len(names)} restored files of {SAMPLE} equal the source, byte for byte.")


def same_bytes(left: Path, right: Path) -> bool:
    """Whether both files are there with the same content."""
    return right.is_file() and filecmp.cmp(left, right, shallow=False)


def show_way_out(demo: Demo) -> None:
    """The passport, and the commands that open the backup without Lapseguard."""
    runs = demo.read("history", "--limit", "1")
    assert isinstance(runs, list)
    show_passport(demo, runs[0]["run"])
    demo.call("show", runs[0]["run"])
    print("\nThe data opens with stock restic as shown above (while an S3 server runs).")


def show_passport(demo: Demo, run: str) -> None:
    """The beginning of what this machine said of itself beside the last backup."""
    passport = demo.read("show", run, "--passport")
    assert isinstance(passport, dict)
    print(f"\n\033[1m$ lapseguard show {run} --passport | head -{SHOWN_LINES}\033[0m")
    print("\n".join(passport["text"].splitlines()[:SHOWN_LINES]))


def main() -> None:
    """Run the demonstration from a clean folder."""
    folder = Path(os.environ.get("DEMO_DIR", CHECKOUT / ".demo")).resolve()
    if (folder / "lapseguard.toml").exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    demo = Demo(folder)
    print(f"State of this demonstration: {folder}")
    with SeaweedServer(folder / "s3") as store, Sshd(folder / "sshd") as host:
        initialise(demo, store)
        register(demo, host)
        save_and_prove(demo)
        restore_and_compare(demo)
        show_way_out(demo)


if __name__ == "__main__":
    main()
