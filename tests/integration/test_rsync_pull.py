"""The real rsync over the real ssh: what arrives, what is refused, what a broken line leaves."""

import dataclasses
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xxhash

from backends.errors import (
    BackendError,
    BudgetExceeded,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LocalDiskFull,
    LocalPathUnusable,
    LoginRefused,
    RsyncMissing,
    RsyncTooOld,
    SourceAccessDenied,
    SourcePathMissing,
    SshError,
    TransferFailed,
    TransferInterrupted,
)
from backends.rsync.output import parse_line
from backends.rsync.pull import RsyncPull
from backends.types import Arrival, PullBudget, PullReport, PullSpec
from tests.parts.requirement import require_program
from tests.parts.sshd import Sshd

MakeSshd = Callable[..., Sshd]

NASTY = [
    b"two\nlines",
    b"'single' \"double\" $HOME `id`",
    b"back\\slash",
    b"\\#012 looks escaped",
    b"\\#134#012",
    b"\xff\xfe not text",
    b" spaces ",
    b"-rf",
    b"tab\there",
    b"%n %i *?[x]",
    b"x" * 255,
    "数据.txt".encode(),
]


@pytest.fixture(autouse=True)
def _programs() -> None:
    require_program("rsync", "rsync")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place that any user can reach, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="lapseguard test "))
    path.chmod(0o755)
    yield path
    for below in path.rglob("*"):
        if below.is_dir() and not below.is_symlink():
            below.chmod(0o755)
    shutil.rmtree(path)


@pytest.fixture
def source(folder: Path) -> Path:
    """What the server has: two files, one with two names, and a folder."""
    path = folder / "the source"
    (path / "sub").mkdir(parents=True)
    (path / "a").write_text("first")
    (path / "sub/b").write_text("second")
    os.link(path / "a", path / "a too")
    return path


@pytest.fixture
def staging(folder: Path) -> Path:
    """The image of the server, in a folder with a space in its name."""
    return folder / "my staging/image"


def spec_for(server: Sshd, staging: Path, *paths: Path | str, **changes: object) -> PullSpec:
    spec = PullSpec(target=server.target(), paths=tuple(map(str, paths)), staging=str(staging))
    return dataclasses.replace(spec, **changes)


def pull(spec: PullSpec, **options: object) -> tuple[list[Arrival], PullReport]:
    arrivals: list[Arrival] = []
    report = RsyncPull(**options).pull(spec, arrivals.append)  # type: ignore[arg-type] - by name
    return arrivals, report


def image_of(staging: Path, path: Path) -> Path:
    return staging / path.relative_to("/")


def test_every_name_and_byte_arrives_with_the_sources_own_checksum(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    for number, name in enumerate(NASTY):
        with open(os.fsencode(source) + b"/" + name, "wb") as stream:  # noqa: PTH123 - raw bytes
            stream.write(name * number)

    arrivals, report = pull(spec_for(sshd, staging, source))

    prefix = os.fsencode(source)[1:] + b"/"
    assert report.complete
    assert {arrival.path for arrival in arrivals} == {
        *(prefix + name for name in NASTY),
        *(prefix + name for name in (b"a", b"a too", b"sub/b")),
    }
    for arrival in arrivals:
        with open(os.fsencode(staging) + b"/" + arrival.path, "rb") as stream:  # noqa: PTH123 - raw bytes
            content = stream.read()
        with open(b"/" + arrival.path, "rb") as stream:  # noqa: PTH123 - raw bytes
            assert stream.read() == content
        assert arrival.size == len(content)
        if not arrival.linked_to:
            assert arrival.checksum == xxhash.xxh3_128_hexdigest(content)
    assert sum(arrival.linked_to for arrival in arrivals) == 1
    assert report.arrivals == len(arrivals) - 1
    assert report.received_bytes == sum(arrival.received for arrival in arrivals) > 0


def test_an_unchanged_server_sends_nothing_and_a_change_only_itself(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    spec = spec_for(sshd, staging, source)
    pull(spec)

    assert pull(spec)[0] == []

    (source / "sub/b").write_text("second, longer")
    (source / "a too").unlink()
    arrivals, _ = pull(spec)

    assert [arrival.path for arrival in arrivals] == [os.fsencode(source)[1:] + b"/sub/b"]
    assert not image_of(staging, source / "a too").exists()


def test_what_is_excluded_later_leaves_staging_too(sshd: Sshd, source: Path, staging: Path) -> None:
    pull(spec_for(sshd, staging, source))

    pull(spec_for(sshd, staging, source, excludes=(f"{source}/sub",)))

    assert not image_of(staging, source / "sub").exists()
    assert image_of(staging, source / "a").exists()


def test_a_path_no_longer_asked_for_leaves_staging(sshd: Sshd, source: Path, staging: Path) -> None:
    pull(spec_for(sshd, staging, source / "a", source / "sub"))

    pull(spec_for(sshd, staging, source / "sub"))

    assert sorted(path.name for path in image_of(staging, source).iterdir()) == ["sub"]


@pytest.mark.parametrize("restricted", [False, True], ids=["shell", "rrsync"])
def test_paths_are_taken_literally_by_the_servers_shell(
    make_sshd: MakeSshd, sshd: Sshd, source: Path, staging: Path, *, restricted: bool
) -> None:
    names = [
        *("st*r", "q?", "br[a]ket", "{a,b}", "sp ace", "quo'te\"", "do$HOME`id`", "semi;x|y&z"),
        *("back\\slash", "back\\*star", "trail\\", "#hash", "!x", "~tilde", "-dash", "%p", "=e"),
    ]
    decoys = ["stXr", "qX", "brak", "a", "b", "sp", "ace"]
    for name in [*names, *decoys]:
        (source / "odd" / name).mkdir(parents=True)
        (source / "odd" / name / "file").write_text(name)
    server = sshd
    if restricted:
        require_program("rrsync", "rsync")
        server = make_sshd(forced_command="rrsync -ro /", key_options="restrict")
        # It expands wildcards by itself whether or not they are masked.
        names = [name for name in names if not set(name) & set("*?[")]

    pull(spec_for(server, staging, *(source / "odd" / name for name in names)))

    landed = {path.name for path in image_of(staging, source / "odd").iterdir()}
    assert landed == set(names)


def test_a_frozen_view_lands_under_the_servers_own_paths(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    pull(spec_for(sshd, staging, "/sub", "/a", source_root=str(source)))

    assert (staging / "sub/b").read_text() == "second"
    assert {path.name for path in staging.iterdir()} == {"sub", "a"}


def test_the_whole_of_a_frozen_view_can_be_asked_for(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    _, report = pull(spec_for(sshd, staging, "/", source_root=str(source)))

    assert report.complete
    assert {path.name for path in staging.iterdir()} == {"sub", "a", "a too"}


def test_the_root_folder_can_be_asked_for(sshd: Sshd, staging: Path) -> None:
    _, report = pull(spec_for(sshd, staging, "/", excludes=("/*",)))

    assert report.complete
    assert list(staging.iterdir()) == []


def test_the_journal_gives_every_arrival_back(
    sshd: Sshd, source: Path, staging: Path, tmp_path: Path
) -> None:
    with (tmp_path / "journal").open("ab") as journal:
        arrivals, _ = pull(spec_for(sshd, staging, source), journal=journal.write)

    lines = (tmp_path / "journal").read_bytes().splitlines(keepends=True)
    assert [parse_line(line) for line in lines] == arrivals


def test_a_journal_on_a_full_disk_ends_the_pull(sshd: Sshd, source: Path, staging: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123, SIM117 - a device
        with pytest.raises(LocalDiskFull, match="No room here"):
            pull(spec_for(sshd, staging, source), journal=full.write)


def test_a_consumer_slower_than_rsyncs_patience_costs_nothing(
    sshd: Sshd, source: Path, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backends.rsync.command.IO_TIMEOUT", 2)
    for number in range(1500):
        (source / f"a file with a rather long name, number {number}").touch()
    arrivals: list[Arrival] = []

    def take(arrival: Arrival) -> None:
        if not arrivals:
            time.sleep(5)
        arrivals.append(arrival)

    report = RsyncPull().pull(spec_for(sshd, staging, source), take)

    assert report.complete
    assert len(arrivals) == 1503


def test_a_failing_consumer_ends_rsync_and_its_error_comes_out(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    def refuse(_: Arrival) -> None:
        raise RuntimeError("no room for it")

    spec = spec_for(sshd, staging, source)
    with pytest.raises(RuntimeError, match="no room for it"):
        RsyncPull().pull(spec, refuse)

    assert pull(spec)[1].complete


def test_a_link_asked_for_by_name_is_no_backup_of_what_it_points_to(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "link").symlink_to("sub")

    _, report = pull(spec_for(sshd, staging, source / "link"))

    assert not report.complete
    assert "is not among the paths" in report.omissions[0].reason
    assert pull(spec_for(sshd, staging, source / "link", source / "sub"))[1].complete


# What the server refuses, or has not.


def test_a_missing_path_is_named_and_the_others_arrive(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    with pytest.raises(SourcePathMissing, match="has no /no/such place"):
        pull(spec_for(sshd, staging, "/no/such place", source))

    assert image_of(staging, source / "a").read_text() == "first"


def test_what_the_login_may_not_read_is_listed_and_the_rest_arrives(
    unprivileged_sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / 'the "key" \n').touch(mode=0o000)
    (source / "private").mkdir(mode=0o000)

    _, report = pull(spec_for(unprivileged_sshd, staging, source))

    assert not report.complete
    prefix = os.fsencode(source)[1:]
    assert {(omission.path, omission.reason) for omission in report.omissions} == {
        (prefix + b'/the "key" \n', "Permission denied"),
        (prefix + b"/private", "Permission denied"),
    }
    assert image_of(staging, source / "sub/b").exists()


def test_a_path_that_the_login_may_not_read_fails_the_pull(
    unprivileged_sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "private").mkdir(mode=0o000)

    with pytest.raises(SourceAccessDenied, match=r"may not read .*private"):
        pull(spec_for(unprivileged_sshd, staging, source / "private", source / "sub"))


def test_rsync_by_sudo_reads_what_the_login_may_not(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    require_program("sudo", "sudo")
    if os.geteuid() != 0:
        pytest.skip("only root is sure to have sudo without a password")
    (source / "private").mkdir(mode=0o000)

    assert pull(spec_for(sshd, staging, source, sudo=True))[1].complete


def test_a_login_without_sudo_is_told_what_is_missing(
    unprivileged_sshd: Sshd, source: Path, staging: Path
) -> None:
    require_program("sudo", "sudo")
    if os.geteuid() != 0:
        pytest.skip("an ordinary user may have sudo")

    with pytest.raises(SourceAccessDenied, match="sudo: a password is required"):
        pull(spec_for(unprivileged_sshd, staging, source, sudo=True))


def test_a_name_that_rrsync_expands_to_others_is_no_success(
    make_sshd: MakeSshd, source: Path, staging: Path
) -> None:
    require_program("rrsync", "rsync")
    for name in ("st*r", "stXr"):
        (source / name).mkdir()
    server = make_sshd(forced_command="rrsync -ro /")

    with pytest.raises(TransferFailed, match="not asked for"):
        pull(spec_for(server, staging, source / "st*r"))


@pytest.mark.parametrize(
    ("forced_command", "expected", "words"),
    [
        ('PATH=/nowhere /bin/sh -c "$SSH_ORIGINAL_COMMAND"', RsyncMissing, "not installed on"),
        ('echo Welcome!; /bin/sh -c "$SSH_ORIGINAL_COMMAND"', TransferFailed, "of its own"),
        ("exit 0", TransferInterrupted, "exit code 12"),
        ("rrsync -ro /var/empty", SourceAccessDenied, "forced command"),
    ],
    ids=["no rsync", "noisy shell", "silent end", "rrsync elsewhere"],
)
def test_a_server_that_does_not_serve_rsync_says_why(  # noqa: PLR0917 - fixtures and a table
    make_sshd: MakeSshd,
    source: Path,
    staging: Path,
    forced_command: str,
    expected: type[BackendError],
    words: str,
) -> None:
    Path("/var/empty").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    server = make_sshd(forced_command=forced_command)

    with pytest.raises(expected, match=words):
        pull(spec_for(server, staging, source))


#: Answers as rsync 3.1.3 does to the first call, and speaks no newer checksum in the second.
OLD_RSYNC = """\
case "$SSH_ORIGINAL_COMMAND" in *--max-alloc*|*--checksum-choice*) \
echo "rsync: on remote machine: --max-alloc=512m: unknown option" >&2; exit 1;; esac; \
RSYNC_CHECKSUM_LIST=md5; export RSYNC_CHECKSUM_LIST; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND\""""


def test_an_old_rsync_on_the_server_is_spoken_to_in_its_own_words(
    make_sshd: MakeSshd, source: Path, staging: Path
) -> None:
    server = make_sshd(forced_command=OLD_RSYNC)

    arrivals, report = pull(spec_for(server, staging, source))

    assert report.complete
    assert report.attempts == 2
    assert {arrival.checksum for arrival in arrivals} == {None}
    assert image_of(staging, source / "sub/b").read_text() == "second"


# What stands in the way before rsync begins.


def refused_by(server: Sshd, source: Path, staging: Path, **changes: object) -> SshError:
    spec = spec_for(server, staging, source)
    spec = dataclasses.replace(spec, target=dataclasses.replace(spec.target, **changes))
    with pytest.raises(SshError) as caught:
        pull(spec)
    assert not any(staging.rglob("*"))
    return caught.value


def test_a_changed_host_key_never_proceeds(
    make_sshd: MakeSshd, source: Path, staging: Path
) -> None:
    server = make_sshd()
    pinned = server.host_key
    server.rotate_host_key()

    error = refused_by(server, source, staging, host_key=pinned)

    assert type(error) is HostKeyChanged
    assert not error.retryable


def test_a_host_key_of_another_type_never_proceeds(
    make_sshd: MakeSshd, sshd: Sshd, source: Path, staging: Path
) -> None:
    server = make_sshd(host_key_type="ecdsa")

    assert type(refused_by(server, source, staging, host_key=sshd.host_key)) is HostKeyUnknown


def test_a_refused_key_is_told_apart(
    make_sshd: MakeSshd, sshd: Sshd, source: Path, staging: Path
) -> None:
    stranger = str(make_sshd().identity)

    assert type(refused_by(sshd, source, staging, identity=stranger)) is LoginRefused


def test_a_closed_port_is_worth_another_attempt(sshd: Sshd, source: Path, staging: Path) -> None:
    error = refused_by(sshd, source, staging, port=1)

    assert type(error) is HostUnreachable
    assert error.retryable


def test_a_name_that_does_not_resolve_is_told_apart(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    error = refused_by(sshd, source, staging, host="no-such-host.invalid")

    assert type(error) is HostUnreachable
    assert "does not resolve" in str(error)


def fake_rsync(folder: Path, script: str) -> None:
    folder.mkdir()
    program = folder / "rsync"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_an_rsync_too_old_to_be_safe_is_refused(
    sshd: Sshd, source: Path, staging: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rsync(tmp_path / "bin", "echo 'rsync  version 3.2.3  protocol version 31'")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

    with pytest.raises(RsyncTooOld, match=r"3\.2\.3 is too old: 3\.2\.4"):
        pull(spec_for(sshd, staging, source))


def test_a_machine_without_rsync_is_told_so(
    sshd: Sshd, source: Path, staging: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RsyncMissing, match="not installed here"):
        pull(spec_for(sshd, staging, source))


# Broken lines, vanishing files, ends of patience.


def test_a_cut_line_loses_nothing_that_has_arrived(
    make_sshd: MakeSshd, source: Path, staging: Path
) -> None:
    server = make_sshd()
    size = 8 << 20
    (source / "big").write_bytes(os.urandom(size))
    incoming = Path(f"{staging}~pull/incoming")

    def cut() -> None:
        while not any(path.stat().st_size > 2 << 20 for path in incoming.glob("big.*")):
            time.sleep(0.02)
        server.cut()

    cutter = threading.Thread(target=cut)
    cutter.start()
    spec = spec_for(server, staging, source)
    with pytest.raises((SshError, TransferInterrupted)) as caught:
        pull(dataclasses.replace(spec, bandwidth=3 << 20))
    cutter.join()

    assert caught.value.retryable  # type: ignore[attr-defined] - both have it
    assert not image_of(staging, source / "big").exists()
    assert image_of(staging, source / "a").exists()

    arrivals, report = pull(spec)

    assert report.complete
    (big,) = arrivals[-2:] if len(arrivals) == 1 else [a for a in arrivals if a.size == size]
    assert big.received < size - (1 << 20)
    assert image_of(staging, source / "big").read_bytes() == (source / "big").read_bytes()


def test_a_file_that_vanishes_is_asked_for_once_more_and_then_let_go(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "m").write_bytes(os.urandom(2 << 20))
    (source / "z gone").write_text("soon")
    arrivals: list[Arrival] = []

    def take(arrival: Arrival) -> None:
        (source / "z gone").unlink(missing_ok=True)
        arrivals.append(arrival)

    spec = spec_for(sshd, staging, source, bandwidth=1 << 20)
    report = RsyncPull().pull(spec, take)

    assert report.complete
    assert report.attempts == 2
    assert report.vanished == (os.fsencode(source)[1:] + b"/z gone",)
    assert not image_of(staging, source / "z gone").exists()


def test_a_request_to_stop_ends_the_pull_and_keeps_what_came(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "big").write_bytes(os.urandom(8 << 20))
    stop = threading.Event()
    spec = spec_for(sshd, staging, source, bandwidth=1 << 20)

    with pytest.raises(TransferInterrupted, match="stopped on request"):
        RsyncPull(stop=stop).pull(spec, lambda _: stop.set())

    assert image_of(staging, source / "a").exists()
    assert pull(dataclasses.replace(spec, bandwidth=None))[1].complete


#: A program that pulls slowly, and is killed while it does.
DOOMED = """
import sys
from backends.rsync.pull import RsyncPull
from backends.types import PullSpec, SshTarget
alias, host, port, user, identity, host_key, path, staging = sys.argv[1:]
target = SshTarget(
    alias=alias, host=host, port=int(port), user=user, identity=identity, host_key=host_key
)
spec = PullSpec(target=target, paths=(path,), staging=staging, bandwidth=100_000)
RsyncPull().pull(spec, lambda arrival: print("arrived", flush=True))
"""


def test_rsync_ends_with_the_program_that_started_it(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "big").write_bytes(os.urandom(8 << 20))
    target = sshd.target()
    values = dataclasses.asdict(target).values()
    argv = [sys.executable, "-c", DOOMED, *map(str, values), str(source), str(staging)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == b"arrived\n"
        doomed.kill()

    for _ in range(300):
        try:
            assert pull(spec_for(sshd, staging, source))[1].complete
        except TransferInterrupted:
            time.sleep(0.1)
        else:
            return
    pytest.fail("rsync still writes to staging")


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (PullBudget(max_files=4), "More than 4 files"),
        (PullBudget(max_bytes=2 << 20), "bytes"),
        (PullBudget(max_seconds=1.5), "longer than allowed"),
    ],
    ids=["files", "bytes", "seconds"],
)
def test_a_budget_ends_the_pull(
    sshd: Sshd, source: Path, staging: Path, budget: PullBudget, words: str
) -> None:
    for number in range(8):
        (source / f"more {number}").write_bytes(os.urandom(1 << 20))

    with pytest.raises(BudgetExceeded, match=words):
        pull(spec_for(sshd, staging, source, budget=budget, bandwidth=2 << 20))


def test_a_file_above_its_limit_is_left_out_and_listed(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "big").write_bytes(b"x" * 5000)

    _, report = pull(spec_for(sshd, staging, source, budget=PullBudget(max_file_bytes=1000)))

    assert not report.complete
    assert [omission.path for omission in report.omissions] == [os.fsencode(source)[1:] + b"/big"]
    assert image_of(staging, source / "sub/b").exists()


def test_a_sparse_giant_ends_the_pull_before_it_begins(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    with (source / "giant").open("wb") as stream:
        stream.truncate(1 << 40)

    with pytest.raises(BudgetExceeded, match="giant alone is larger"):
        pull(spec_for(sshd, staging, source, budget=PullBudget(max_bytes=10 << 20)))


def test_a_file_of_zeros_that_grows_after_it_was_listed_is_stopped_on_the_line(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "m").write_bytes(os.urandom(10 << 20))
    (source / "z").touch()

    def grow(_: Arrival) -> None:
        # Takes no room here nor there: only the line shows that it is endless.
        os.truncate(source / "z", 1 << 40)

    spec = spec_for(sshd, staging, source, budget=PullBudget(max_bytes=12 << 20, max_seconds=60))
    with pytest.raises(BudgetExceeded, match="over the line"):
        RsyncPull().pull(dataclasses.replace(spec, bandwidth=10 << 20), grow)


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system with room for 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    place = folder / "small disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_here_is_said_to_be_ours(sshd: Sshd, source: Path, small_disk: Path) -> None:
    (source / "big").write_bytes(os.urandom(8 << 20))

    with pytest.raises(LocalDiskFull):
        pull(spec_for(sshd, small_disk / "image", source))

    assert image_of(small_disk / "image", source / "a").exists()


def test_an_unusable_staging_folder_is_said_to_be_ours(
    sshd: Sshd, source: Path, folder: Path
) -> None:
    (folder / "file").touch()

    with pytest.raises(LocalPathUnusable):
        pull(spec_for(sshd, folder / "file/image", source))


def test_nothing_in_staging_is_more_than_a_plain_file(
    sshd: Sshd, source: Path, staging: Path
) -> None:
    (source / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    (source / "a").chmod(0o4755)

    pull(spec_for(sshd, staging, source))

    modes = [path.lstat().st_mode for path in staging.rglob("*")]
    assert all(stat.S_ISREG(mode) or stat.S_ISDIR(mode) for mode in modes)
    assert not any(mode & (stat.S_ISUID | stat.S_ISGID) for mode in modes)
