"""Starts the program by forking an interpreter that has its modules loaded already.

An ordinary start costs half a second of importing; hundreds of them would make the tests slow
without testing more. Each command line still runs in a process, environment and folder of its own
through the same entry point. Run as a program, this is the process that forks.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
#: What commands load on their way, so that no child has to.
_LOADED = (
    *("daemon.store.migration", "backends.objectstore.s3", "backends.objectstore.directory"),
    *("daemon.services.reaching", "daemon.services.safekeeping", "backends.shell"),
    *("daemon.cli.table", "daemon.cli.preview", "structlog"),
)


class Spawner:
    """The forking process, for as long as the block lasts."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", __file__],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def run(self, **request: Any) -> int:
        """Run one command line; see `_become` for what a request holds. Gives the exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the forking process has ended"
        return int(answer)


def serve() -> None:
    """Fork once for each request, until there are none."""
    from daemon.cli.app import COMMANDS  # noqa: PLC0415 - the importing side needs none of it
    from tests.program_with_cheap_keys import make_keys_cheap  # noqa: PLC0415 - likewise

    for module in {*(module for module, _ in COMMANDS.values()), *_LOADED}:
        # What cannot be imported fails again in the child that needs it, and is reported there.
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    make_keys_cheap()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(
    *, words: list[str], environment: dict[str, str], folder: str, streams: list[str]
) -> None:
    """Turn into the program; `streams` are the files of its standard input, output and error."""
    from daemon.cli.app import main  # noqa: PLC0415 - see `serve`

    for number, path in enumerate(streams):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags, 0o600), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the old one has read ahead
    sys.argv = ["lapseguard", *words]
    exit_code = 1
    try:
        main()
    except SystemExit as end:
        exit_code = end.code if isinstance(end.code, int) else 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(exit_code)


if __name__ == "__main__":
    serve()
