"""Programs run with nothing of ours but what they are given, and leave nothing behind."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from backends.errors import (
    LocalPathUnusable,
    ProcessFailed,
    ProcessStopped,
    ProcessTimeout,
    ProgramMissing,
)
from backends.process import LINE_LIMIT, Running, readable, run


def shell(script: str) -> tuple[str, str, str]:
    return ("sh", "-c", script)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_death(pid: int) -> bool:
    for _ in range(200):
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_a_program_reports_its_end_and_both_of_its_streams() -> None:
    finished = run(shell("echo out; echo err >&2; exit 3"), timeout=10)

    assert (finished.exit_code, finished.stdout, finished.stderr) == (3, b"out\n", b"err\n")


def test_a_program_killed_by_a_signal_says_which() -> None:
    assert run(shell("kill -9 $$"), timeout=10).exit_code == -signal.SIGKILL


def test_no_variable_of_ours_reaches_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")

    seen = run(("env",), timeout=10, env={"GIVEN": "1"}).stdout.decode()

    names = {line.partition("=")[0] for line in seen.splitlines()}
    assert names == {"PATH", "HOME", "LC_ALL", "GIVEN"}
    assert "LC_ALL=C\n" in seen


def test_arguments_are_never_read_by_a_shell() -> None:
    assert run(("printf", "%s", "$HOME; `id` *"), timeout=10).stdout == b"$HOME; `id` *"


def test_a_program_without_input_reads_nothing() -> None:
    assert run(("cat",), timeout=10).stdout == b""


def test_a_password_is_given_without_touching_a_disk() -> None:
    finished = run(shell("readlink /proc/self/fd/0; cat"), timeout=10, input=b"secret")

    assert finished.stdout.startswith(b"/memfd:")
    assert finished.stdout.endswith(b"\nsecret")


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(ProgramMissing, match="no-such-program is not installed"):
        run(("no-such-program",), timeout=10)


def test_a_file_that_is_no_program_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(LocalPathUnusable, match="Permission denied"):
        run((str(tmp_path),), timeout=10)


def test_a_failure_is_raised_on_demand_with_the_last_words() -> None:
    with pytest.raises(ProcessFailed, match="ended with 2: the reason"):
        run(shell("echo first >&2; echo the reason >&2; exit 2"), timeout=10, check=True)


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ProcessTimeout, match=r"longer than 0\.3 seconds"):
        run(("sleep", "30"), timeout=0.3)


def test_endless_output_is_refused() -> None:
    with pytest.raises(ProcessFailed, match="more than 1000 bytes"):
        run(("yes",), timeout=10, output_limit=1000)


def test_much_standard_error_is_kept_at_both_ends_and_never_blocks() -> None:
    script = "echo first >&2; seq 200000 >&2; echo last >&2"

    finished = run(shell(script), timeout=30)

    assert finished.exit_code == 0
    assert finished.stderr.startswith(b"first\n1\n2\n")
    assert finished.stderr.endswith(b"\n200000\nlast\n")
    assert b"bytes left out]" in finished.stderr
    assert len(finished.stderr) < 300_000


def test_a_request_to_stop_ends_a_silent_program() -> None:
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()

    with pytest.raises(ProcessStopped, match="stopped on request"):
        run(("sleep", "30"), timeout=20, stop=stop)


def test_lines_come_as_they_are_printed_and_a_cut_one_is_told_apart() -> None:
    with Running(shell(r"printf 'one\ntw'; sleep 0.1; printf 'o\n\n\377cut'")) as running:
        lines = list(running.lines())

    assert lines == [b"one\n", b"two\n", b"\n", b"\xffcut"]


def test_a_line_without_end_comes_in_pieces() -> None:
    with Running(shell("head -c 300000 /dev/zero; echo")) as running:
        lines = list(running.lines())

    assert sum(map(len, lines)) == 300_001
    assert max(map(len, lines)) < 3 * LINE_LIMIT
    assert [line.endswith(b"\n") for line in lines] == [False] * (len(lines) - 1) + [True]


def test_everything_a_program_started_ends_with_it() -> None:
    with Running(shell("sleep 60 & echo $!; wait")) as running:
        grandchild = int(next(running.lines()))
        assert is_alive(grandchild)

    assert wait_for_death(grandchild)
    assert wait_for_death(running.pid)


def test_leaving_by_an_interruption_ends_the_group_too() -> None:
    grandchildren: list[int] = []

    def interrupt() -> None:
        with Running(shell("sleep 60 & echo $!; wait")) as running:
            grandchildren.extend(map(int, [next(running.lines())]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()

    assert wait_for_death(grandchildren[0])


def test_a_program_that_ignores_the_polite_signal_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backends.process.GRACE", 0.3)
    script = "trap '' TERM; echo ready; while true; do sleep 1; done"
    with Running(shell(script)) as running:
        next(running.lines())

    assert wait_for_death(running.pid)


def test_a_program_may_tidy_up_when_it_is_told_to_end(tmp_path: Path) -> None:
    script = (
        f"trap 'sleep 0.3; touch {tmp_path}/tidied; exit' TERM; echo; while :; do sleep 0.1; done"
    )
    with Running(shell(script)) as running:
        next(running.lines())

    assert (tmp_path / "tidied").exists()


def test_output_ends_with_the_program_even_if_a_leftover_holds_the_pipe() -> None:
    with Running(shell("echo done; sleep 60 &"), timeout=20) as running:
        assert list(running.lines()) == [b"done\n"]
        assert running.wait() == 0


def test_an_open_file_is_inherited_by_the_whole_group(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        argv = shell(f"sh -c 'readlink /proc/self/fd/{lock.fileno()}'")
        with Running(argv, pass_fds=(lock.fileno(),)) as running:
            assert running.read(1000) == f"{tmp_path}/lock\n".encode()


def test_no_other_open_file_is_inherited(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)

        finished = run(("ls", f"/proc/self/fd/{secret.fileno()}"), timeout=10)

    assert finished.exit_code != 0


def test_no_file_grows_beyond_its_limit(tmp_path: Path) -> None:
    place, begin = tmp_path / "big", tmp_path / "begin"
    script = f"until [ -e {begin} ]; do sleep 0.05; done; exec dd if=/dev/zero of={place} bs=1000"
    with Running(shell(script), max_file_bytes=5000) as running:
        begin.touch()
        exit_code = running.wait()

    assert exit_code == -signal.SIGXFSZ
    assert place.stat().st_size == 5000


def test_a_watcher_hears_of_the_group_and_can_end_it() -> None:
    seen: list[int] = []

    def watch(group: int) -> None:
        seen.append(group)
        if len(seen) == 3:
            raise RuntimeError("enough")

    running = Running(("sleep", "30"), watch=watch)
    with pytest.raises(RuntimeError, match="enough"), running:
        list(running.lines())

    assert seen == [running.pid] * 3
    assert wait_for_death(running.pid)


def test_many_programs_at_once_are_kept_apart() -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda n=n: results.append(
                run((sys.executable, "-c", f"print({n})"), timeout=30).stdout
            )
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == sorted(f"{n}\n".encode() for n in range(8))


def test_nothing_that_a_program_prints_can_steer_the_terminal() -> None:
    assert (
        readable(b"a\r\nb\x1b[31m\x00\xff \xc3\xa9\xe2\x80\xae")
        == "a\nb\\x1b[31m\\x00\\xff é\\x202e"
    )
