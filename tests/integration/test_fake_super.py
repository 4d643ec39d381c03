"""What real rsync leaves in staging tells the truth about the source, whoever receives it."""

import dataclasses
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backends.capture.fake_super import (
    SourceAttributes,
    ensure_xattrs,
    plain_attributes,
    read_attributes,
)
from backends.errors import LocalPathUnusable
from backends.ssh import ssh_argv
from tests.parts.nasty_tree import Entry, compare_trees, describe_tree
from tests.parts.requirement import require, require_program
from tests.throwaway_sshd import Sshd

Pull = Callable[[Path], Path]

NOBODY = 65534
#: As root the staging may be root's or an ordinary user's; anybody else has only the latter.
RECEIVERS = (0, NOBODY) if os.geteuid() == 0 else (os.geteuid(),)

#: rsync's own records must not be taken for attributes that the source no longer has.
FILTERS = ("--filter=-xr user.rsync.%*", "--filter=-xr system.*")
#: Without it, a file that changed within the second of its time is not even sent.
PRECISE = "--modify-window=-1"
OPTIONS = (
    PRECISE,
    "--delete",
    "--delete-excluded",
    "-rlptgoHAX",
    "--devices",
    "--specials",
    "--sparse",
    "--numeric-ids",
    "--fake-super",
)


@pytest.fixture(params=RECEIVERS, ids=lambda uid: f"uid-{uid}")
def pull(request: pytest.FixtureRequest, sshd: Sshd) -> Iterator[Pull]:
    """Pull a folder into the same staging on every call, as root or as an ordinary user."""
    require_program("rsync", "rsync")
    uid: int = request.param
    base = Path(tempfile.mkdtemp(prefix="lapseguard-test-"))
    identity = Path(shutil.copy(sshd.identity, base / "key"))
    known_hosts = base / "known_hosts"
    known_hosts.write_text(f"server {sshd.host_key}\n")
    staging = base / "staging"
    staging.mkdir()
    for path in (base, identity, known_hosts, staging):
        os.chown(path, uid, -1)
    target = dataclasses.replace(sshd.target(), identity=str(identity))
    ssh = shlex.join(ssh_argv(target, str(known_hosts)))

    def run(source: Path) -> Path:
        address = f"{sshd.user}@{sshd.host}:{source}/"
        argv = ["rsync", *OPTIONS, *FILTERS, "-e", ssh, "--", address, f"{staging}/"]
        subprocess.run([*_become(uid), *argv], check=True, env={"PATH": os.environ["PATH"]})
        return staging

    yield run
    shutil.rmtree(base)


def _become(uid: int) -> list[str]:
    if uid == os.geteuid():
        return []
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]


def describe_staging(staging: Path) -> dict[bytes, Entry]:
    """The tree as it would be recorded: content of the staged files, attributes as decoded."""
    return {
        path: _as_at_source(entry, read(staging, path))
        for path, entry in describe_tree(staging).items()
    }


def read(staging: Path, path: bytes) -> SourceAttributes:
    full = os.path.join(os.fsencode(staging), path)  # noqa: PTH118 - bytes
    return read_attributes(full, os.lstat(full))


def _as_at_source(staged: Entry, source: SourceAttributes) -> Entry:
    assert source.problems == ()
    file = stat.S_ISREG(source.mode)
    kinds = {stat.S_IFDIR: "folder", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo"}
    kinds |= {stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}
    return dataclasses.replace(
        staged,
        kind=kinds.get(stat.S_IFMT(source.mode), "file"),
        mode=stat.S_IMODE(source.mode),
        uid=source.uid,
        gid=source.gid,
        size=staged.size if file else None,
        sha256=staged.sha256 if file else None,
        rdev=source.rdev,
        xattrs=source.xattrs,
        link_target=source.link_target,
    )


def test_every_attribute_of_every_hard_case_is_read_back(nasty_tree: Path, pull: Pull) -> None:
    staging = pull(nasty_tree)

    staged = describe_staging(staging)

    assert compare_trees(nasty_tree, staged, sparse=True) == []


def test_a_file_that_is_already_right_has_no_record_and_needs_none(
    tmp_path: Path, pull: Pull
) -> None:
    (tmp_path / "plain").touch(0o644)
    (tmp_path / "read-only").touch(0o400)

    staging = pull(tmp_path)

    owner = staging.lstat().st_uid
    expected = [] if owner == os.geteuid() else ["user.rsync.%stat"]
    assert os.listxattr(staging / "plain") == expected
    assert os.listxattr(staging / "read-only") == ["user.rsync.%stat"]
    assert read(staging, b"plain").mode == stat.S_IFREG | 0o644
    assert read(staging, b"read-only").mode == stat.S_IFREG | 0o400


def test_changes_at_the_source_are_seen_by_the_next_pull(tmp_path: Path, pull: Pull) -> None:
    require_program("setfacl", "acl")
    source = tmp_path / "source"
    _make_changeable(source)
    assert compare_trees(source, describe_staging(pull(source))) == []

    _change(source)

    assert compare_trees(source, describe_staging(pull(source))) == []


def _make_changeable(source: Path) -> None:
    (source / "folder").mkdir(parents=True)
    kinds = ("to-link", "to-folder", "to-fifo")
    for name in ("content", "acl-and-xattr", "acl-gone", "xattr-gone", "mode", *kinds):
        (source / name).write_text(name)
    (source / "from-link").symlink_to("anywhere")
    for name in ("acl-and-xattr", "acl-gone", "mode", "folder"):
        subprocess.run(["setfacl", "-m", "u:1234:rwx,g:2345:r", source / name], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:1234:rwx", source / "folder"], check=True)
    os.setxattr(source / "xattr-gone", "user.gone", b"1")


def _change(source: Path) -> None:
    os.setxattr(source / "acl-and-xattr", "user.new", b"1")
    os.setxattr(source / "folder", "user.new", b"1")
    subprocess.run(["setfacl", "-b", source / "acl-gone"], check=True)
    os.removexattr(source / "xattr-gone", "user.gone")
    (source / "mode").chmod(0o4600)
    _rewrite_within_the_second(source / "content")
    for name in ("to-link", "to-folder", "to-fifo", "from-link"):
        (source / name).unlink()
    (source / "to-link").symlink_to("mode")
    (source / "to-folder").mkdir(0o1750)
    os.mkfifo(source / "to-fifo", 0o604)
    (source / "from-link").write_text("now a file")


def _rewrite_within_the_second(file: Path) -> None:
    size, mtime_ns = file.stat().st_size, file.stat().st_mtime_ns
    file.write_bytes(b"!" * size)
    second = mtime_ns // 1_000_000_000 * 1_000_000_000
    os.utime(file, ns=(0, second + (mtime_ns - second + 1) % 1_000_000_000))


ACLS = (
    "u:1234:rwx",
    "u:1234:rwx,g:2345:r,m::rx",
    "u:4294967294:rw,g:0:-",
    "m::-",
    "g::rwx,u:5:-,m::r",
    "u::r,g::-,o::-,u:7:rwx",
    "u:3:r,u:2:w,u:1:x,g:9:rwx,g:8:rw",
)


@pytest.mark.parametrize("mode", [0o644, 0o4751, 0o000])
def test_access_lists_are_those_that_setfacl_made(tmp_path: Path, pull: Pull, mode: int) -> None:
    require_program("setfacl", "acl")
    require(os.geteuid() == 0 or mode, "root", "run as root to read files of mode 000")
    source = tmp_path / "source"
    for number, spec in enumerate(ACLS):
        folder = source / f"{number}"
        folder.mkdir(parents=True)
        subprocess.run(["setfacl", "-d", "-m", spec, folder], check=True)
        file = source / f"{number}.file"
        file.touch()
        file.chmod(mode)
        subprocess.run(["setfacl", "-m", spec, file], check=True)

    staging = pull(source)

    for path in (*source.glob("*"),):
        attributes = read(staging, os.fsencode(path.name))
        remade = tmp_path / "remade" / path.name
        _remake(remade, attributes)
        assert attributes.xattrs == describe_tree(source)[os.fsencode(path.name)].xattrs
        assert _getfacl(remade) == _getfacl(path)


def _remake(path: Path, attributes: SourceAttributes) -> None:
    path.parent.mkdir(exist_ok=True)
    if stat.S_ISDIR(attributes.mode):
        path.mkdir()
    else:
        path.touch()
    path.chmod(stat.S_IMODE(attributes.mode))
    for name, value in attributes.xattrs:
        os.setxattr(path, name, value)


def _getfacl(path: Path) -> bytes:
    argv = ["getfacl", "--omit-header", "--numeric", "--no-effective", path.name]
    return subprocess.run(argv, check=True, capture_output=True, cwd=path.parent).stdout


LINK = b"120777 0,0 1:2"


@pytest.mark.parametrize("content", [b"", b"a\0b", b"x" * 4096], ids=["empty", "NUL", "too long"])
def test_a_link_whose_target_is_impossible_stays_a_private_file(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "link").write_bytes(content)
    os.setxattr(tmp_path / "link", "user.rsync.%stat", LINK)

    attributes = read(tmp_path, b"link")

    assert attributes.mode == stat.S_IFREG | 0o600
    assert attributes.link_target is None
    assert len(attributes.problems) == 1


def test_the_longest_possible_target_is_taken(tmp_path: Path) -> None:
    (tmp_path / "link").write_bytes(b"\xff" * 4095)
    os.setxattr(tmp_path / "link", "user.rsync.%stat", LINK)

    assert read(tmp_path, b"link").link_target == b"\xff" * 4095


def test_a_real_link_in_staging_is_described_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    os.setxattr(tmp_path / "secret", "user.not", b"for you")
    (tmp_path / "link").symlink_to(tmp_path / "secret")

    attributes = read(tmp_path, b"link")

    assert attributes.link_target == os.fsencode(tmp_path / "secret")
    assert attributes.xattrs == ()


def test_access_lists_of_this_machine_are_not_the_sources(tmp_path: Path) -> None:
    require_program("setfacl", "acl")
    (tmp_path / "file").touch()
    subprocess.run(["setfacl", "-m", "u:1234:rwx", tmp_path / "file"], check=True)

    assert read(tmp_path, b"file").xattrs == ()


def test_whatever_changes_an_attribute_moves_the_ctime(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    changes: tuple[Callable[[], object], ...] = (
        lambda: os.setxattr(file, "user.rsync.%stat", b"100600 0,0 1:1"),
        lambda: os.removexattr(file, "user.rsync.%stat"),
        lambda: file.chmod(0o755),
    )
    for change in changes:
        before = _settled_ctime(file)
        change()
        assert file.lstat().st_ctime_ns > before


def _settled_ctime(file: Path) -> int:
    """The file's ctime once the clock that stamps files has moved past it."""
    ctime, probe = file.lstat().st_ctime_ns, file.with_name("clock")
    while True:
        probe.touch()
        if probe.lstat().st_mtime_ns > ctime:
            return ctime


def test_a_file_that_vanished_from_staging_is_the_typed_error(tmp_path: Path) -> None:
    status = tmp_path.lstat()

    with pytest.raises(LocalPathUnusable, match="gone"):
        read_attributes(os.fsencode(tmp_path / "gone"), status)


def test_a_folder_that_keeps_no_attributes_is_refused_before_the_pull(tmp_path: Path) -> None:
    ensure_xattrs(str(tmp_path))
    assert os.listxattr(tmp_path) == []

    with pytest.raises(LocalPathUnusable, match="extended attributes"):
        ensure_xattrs("/proc")


def test_skipping_the_record_gives_the_staged_files_own_attributes(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o640)

    attributes = plain_attributes((tmp_path / "file").lstat())

    assert attributes == read(tmp_path, b"file")
