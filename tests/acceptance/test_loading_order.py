"""What a command does not need yet is not loaded yet: that is what makes the program start quickly.

Told by which modules are there at which moment, never by how long anything takes.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.installation import SERVER, Install, new_bucket
from tests.parts.object_servers import SeaweedServer
from tests.parts.program import Program

#: Notes which modules are there when the pull is begun, which is done by a thread of its own, and
#: which come later.
LISTENING = """\
import sys
import threading

def start(thread, begin=threading.Thread.start):
    if thread.name.startswith("begun-pull"):
        with open({there!r}, "w") as file:
            file.write(" ".join(sys.modules))
    begin(thread)

def note(event, arguments):
    if event == "import":
        with open({later!r}, "a") as file:
            file.write(arguments[0] + " ")

threading.Thread.start = start
sys.addaudithook(note)
from daemon.cli.app import main
main()
"""
#: What stores, proves and seals, and what talks to stores and servers.
SECOND_HALF = {
    *("backends.capture.pipeline", "backends.repository.repository", "backends.repository.writer"),
    *("backends.shell", "daemon.services.deposit", "daemon.services.proof"),
    *("daemon.services.safekeeping", "daemon.services.dumps", "backends.snapshot.hold"),
    *("boto3", "botocore", "s3transfer", "paramiko", "cryptography"),
}
#: What only those need who read something on a screen, have another database, or make changes.
OTHERS = {"rich", "structlog", "pygments", "alembic", "psycopg", "jinja2"}
OTHERS |= {"sqlalchemy.dialects.postgresql", "apscheduler", "icalendar"}


def modules_after(code: str) -> set[str]:
    """The modules of a new interpreter once it has run that."""
    argv = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    done = subprocess.run(argv, capture_output=True, check=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_version_is_told_without_the_program() -> None:
    there = modules_after("from daemon.cli.app import execute; execute(['--version'])")

    assert "daemon.cli.app" in there
    assert there & (SECOND_HALF | OTHERS | {"sqlalchemy", "pydantic", "daemon.bootstrap"}) == set()


def test_a_backup_is_understood_without_what_stores_it() -> None:
    there = modules_after("from daemon.cli.app import load_command; load_command('backup-now')")

    assert "daemon.services.backup" in there
    assert there & (SECOND_HALF | OTHERS) == set()


@pytest.fixture
def loaded(install: Install, s3_server: SeaweedServer, tmp_path: Path) -> tuple[set[str], set[str]]:
    """Modules when the pull is begun, and at the end, of an unchanged run that says nothing."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("text")
    installation = install(new_bucket(s3_server), passport=True)
    installation.enrol(source)
    installation.program.do("backup-now", SERVER)
    return _listen(installation.program, tmp_path)


def _listen(program: Program, folder: Path) -> tuple[set[str], set[str]]:
    there, later = folder / "there", folder / "later"
    code = LISTENING.format(there=str(there), later=str(later))
    argv = [sys.executable, "-c", code, "backup-now", SERVER, "-q"]
    subprocess.run(argv, env=program.surroundings, cwd=program.folder, check=True)
    first = set(there.read_text().split())
    return first, first | set(later.read_text().split())


def test_the_pull_is_begun_before_the_second_half_of_the_program_is_loaded(
    loaded: tuple[set[str], set[str]],
) -> None:
    at_the_start, in_all = loaded

    assert "daemon.services.early" in at_the_start
    assert at_the_start & (SECOND_HALF | OTHERS) == set()
    assert in_all & (SECOND_HALF | OTHERS) == SECOND_HALF


#: Notes which modules are there when the first process is made of this one.
FORKING = """\
import os
import sys

def fork(make=os.fork):
    with open({there!r}, "a") as file:
        print(*sys.modules, file=file)
    return make()

os.fork = fork
from daemon.cli.app import main
main()
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="no second processor")
@pytest.mark.parametrize(
    ("words", "spared"),
    [("verify", {"backends.repository.writer"}), ("restore --target back", set())],
)
def test_a_key_is_derived_while_the_program_that_uses_it_is_loaded(
    install: Install, s3_server: SeaweedServer, tmp_path: Path, words: str, spared: set[str]
) -> None:
    (tmp_path / "source").mkdir()
    installation = install(new_bucket(s3_server))
    installation.enrol(tmp_path / "source")
    installation.program.do("backup-now", SERVER)

    code = FORKING.format(there=str(tmp_path / "there"))
    argv = [sys.executable, "-c", code, *words.split(), SERVER, "-q"]
    program = installation.program
    subprocess.run(argv, env=program.surroundings, cwd=program.folder, check=True)

    for_the_key, for_the_packs = (tmp_path / "there").read_text().splitlines()
    assert set(for_the_key.split()) & {"sqlalchemy", "daemon.bootstrap", *SECOND_HALF} == set()
    assert set(for_the_packs.split()) >= {"sqlalchemy", "boto3", "cryptography"}
    assert set(for_the_packs.split()) & (spared | OTHERS) == set()
