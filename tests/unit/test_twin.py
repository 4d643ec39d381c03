"""A second process answers questions, and whatever becomes of it nobody waits for it in vain."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) == 1, reason="no second processor, so no second process"
)
_PATIENCE = 60


def run_alone(program: str) -> list[str]:
    """Run a program in a process of its own, since that of the tests has threads; its lines."""
    text = "import os, signal, threading, time\nfrom backends.twin import begin_errand, twin\n"
    argv = [sys.executable, "-c", text + textwrap.dedent(program)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_answers_come_from_another_process():
    found = run_alone("""
        print("once", end=" ")
        with twin(lambda asked: b"%d:%b" % (os.getpid(), asked), seats=2) as other:
            process, _, asked = other.ask(b"why").partition(b":")
            print(int(process) == other.process != os.getpid(), asked.decode())
    """)

    assert found == ["once True why"]


def test_what_it_has_no_answer_to_and_what_comes_while_it_is_busy_is_left_to_the_caller():
    found = run_alone("""
        with twin(lambda asked: None if asked else time.sleep(3600), seats=1) as other:
            print(other.ask(b"no answer"))
            threading.Thread(target=other.ask, args=(b"",), daemon=True).start()
            while other._free:
                time.sleep(0.01)
            print(other.ask(b"busy"))
    """)

    assert found == ["None", "None"]


def test_whoever_waits_for_one_that_dies_is_told_so_and_nothing_of_it_stays():
    found = run_alone("""
        def fall(_):
            os.kill(os.getpid(), signal.SIGKILL)

        with twin(fall, seats=2) as other:
            print(other.ask(b"a"), other.ask(b"b"), other.ask(b"c"))
        other.end()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print("no child")
    """)

    assert found == ["None None None", "no child"]


def test_ending_it_wakes_whoever_waits():
    found = run_alone("""
        with twin(lambda _: time.sleep(3600), seats=1) as other:
            waiting = threading.Thread(target=lambda: print(other.ask(b"long")))
            waiting.start()
            while other._free:
                time.sleep(0.01)
        waiting.join()
    """)

    assert found == ["None"]


def test_among_threads_there_is_none():
    found = run_alone("""
        stop = threading.Event()
        threading.Thread(target=stop.wait).start()
        with twin(lambda _: b"", seats=1) as other:
            print(other)
        stop.set()
    """)

    assert found == ["None"]


def test_an_errand_is_run_by_another_process_and_leaves_room_for_a_twin():
    found = run_alone("""
        errand = begin_errand(lambda: b"%d" % os.getpid())
        with twin(lambda _: b"", seats=1) as other:
            print(int(errand.result()) not in (os.getpid(), other.process))
        unwanted = begin_errand(lambda: time.sleep(3600))
        unwanted.end()
        fallen = begin_errand(lambda: os.kill(os.getpid(), signal.SIGKILL))
        print(fallen.result(), unwanted.result())
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print("no child")
    """)

    assert found == ["True", "None None", "no child"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_process_that_made_it(number):
    program = """
        import time
        from backends.twin import twin
        with twin(lambda _: time.sleep(3600), seats=1) as other:
            print(other.process, flush=True)
            other.ask(b"long")
    """
    argv = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        other = int(first.stdout.readline())
        first.send_signal(number)
        first.wait(_PATIENCE)

    assert is_gone(other)


def is_gone(process: int) -> bool:
    """Whether a process ends soon; one that nobody has waited for has ended."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
