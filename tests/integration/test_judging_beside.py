"""What a check finds does not depend on which process read the packs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from backends.objectstore.directory import DirectoryStore
from backends.repository.index import Index
from backends.repository.repository import Repository
from backends.repository.scrypt import ScryptCost
from backends.repository.writer import RepositoryWriter
from backends.types import BlobKind

_PASSWORD = "p"  # noqa: S105 - guards nothing
_PATIENCE = 60
_PACKS = 12
_CHECK = """
    import json, os, signal, sys
    from contextlib import nullcontext
    from pathlib import Path
    from backends.errors import StoreUnreachable
    from backends.objectstore.directory import DirectoryStore
    from backends.repository.check import check_repository
    from backends.repository.check_packs import present_packs
    from backends.repository.judging import PackJudge
    from backends.repository.judging_beside import BesideJudge, judge_beside
    from backends.repository.repository import Repository

    place, how = Path(sys.argv[1]), sys.argv[2]
    here, judge, asked = os.getpid(), PackJudge.judge, []

    def fall(self, master, pack):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return judge(self, master, pack)

    def ask(self, master, pack, ask=BesideJudge.judge):
        if how == "all ahead":
            self._asking.shutdown(wait=True)
        answer = ask(self, master, pack)
        asked.append(answer is not None)
        return answer

    def packs(repository):
        yield from present_packs(repository)
        if how == "cut short ahead":
            raise StoreUnreachable("gone")
        yield from repository.load_index().pack_ids()

    BesideJudge.judge = ask
    if "fall" in how:
        PackJudge.judge = fall
    store = DirectoryStore(place)
    with nullcontext() if how == "alone" else judge_beside(store) as beside:
        repository = Repository.open(store, "p")
        if "ahead" in how:
            beside.begin(repository.master, packs(repository))
        found = check_repository(repository, read_data=True, beside=beside)
    print(json.dumps([any(asked), sorted(map(repr, (*found.problems, *found.hints)))]))
"""


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of many packs, of which one is changed, one cut, one gone, and one too many."""
    place = tmp_path_factory.mktemp("repository")
    store = DirectoryStore(place)
    made = Repository.create(store, _PASSWORD, cost=ScryptCost(n=2, r=1, p=1))
    for number in range(_PACKS):
        with RepositoryWriter(made, Index()) as writer:
            for piece in range(50):
                writer.save_blob(BlobKind.DATA, b"%d %d " % (number, piece) * 100)
    changed, cut, gone, doubled, *_ = sorted(place.glob("data/*/*"))
    content = bytearray(changed.read_bytes())
    content[100] ^= 1
    changed.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-50])
    gone.unlink()
    surplus = place / "data" / "00" / ("0" * 64)
    surplus.parent.mkdir(exist_ok=True)
    shutil.copy(doubled, surplus)
    return place


def check(place: Path, how: str) -> tuple[bool, list[str]]:
    """Whether another process answered, and what was found."""
    argv = [sys.executable, "-c", textwrap.dedent(_CHECK), str(place), how]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    answered, found = json.loads(done.stdout)
    return answered, found


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="no second processor")
def test_the_same_is_found_with_and_without_a_second_process_and_where_that_falls(damaged):
    alone = check(damaged, "alone")

    assert alone[1]
    assert check(damaged, "beside") == (True, alone[1])
    assert check(damaged, "fall") == (False, alone[1])


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="no second processor")
def test_the_same_is_found_by_a_second_process_that_began_before_it_was_asked(damaged):
    alone = check(damaged, "alone")

    assert check(damaged, "ahead") == (True, alone[1])
    assert check(damaged, "all ahead") == (True, alone[1])
    assert check(damaged, "cut short ahead") == (True, alone[1])
    assert check(damaged, "ahead, fall") == (False, alone[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_check_that_is_told_to_end_ends_with_both_processes(damaged, tmp_path, number):
    password = tmp_path / "password"
    password.write_text(_PASSWORD)
    password.chmod(0o600)
    begun = tmp_path / "begun"
    program = f"""
        import sys, time
        from pathlib import Path
        from backends.repository.judging import PackJudge
        from daemon.cli.app import main

        def never(self, master, pack):
            Path({str(begun)!r}).touch()
            time.sleep(5)

        PackJudge.judge = never
        sys.argv[1:] = ["repository", "check", {str(damaged)!r}, "--read-data", "--no-lock",
                        "--password-file", {str(password)!r}]
        main()
    """
    argv = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, process_group=0) as process:
        while not begun.exists():
            assert process.poll() is None
        process.send_signal(number)
        process.communicate(timeout=_PATIENCE)

    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
