"""A folder with every kind of entry and attribute that a backup must bring back.

As root it holds all of them; for anybody else those that need root, or that a source read by an
ordinary login could not read, are left out.
"""
# Names are raw bytes here, which pathlib cannot hold.
# ruff: noqa: PTH101, PTH102, PTH118, PTH123, PTH208, PTH211
# Permissive modes are the point.
# ruff: noqa: S103

import os
import random
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.tree_comparison import Entry, compare_trees, describe_tree, walk

__all__ = ["BEYOND_OLD_RESTIC", "Entry", "compare_trees", "describe_tree", "make_nasty_tree"]

#: restic before 0.16 cannot carry a link target that is not UTF-8.
BEYOND_OLD_RESTIC = frozenset({b"links/non-utf8", b"links/non-utf8-long"})

MIB = 1024 * 1024
_BASE_NS = 1_700_000_000_123_456_789
_NO_ID = 0xFFFFFFFF

NAMES = (
    b"plain.txt",
    b"two\nlines",
    b"\nleading newline",
    b"trailing newline\n",
    b"'single' \"double\" `back`",
    b"back\\slash",
    b"ends in backslash\\",
    b"\\",
    b"\\#012",
    b"\\#012 and \n both",
    b"\\\\#134",
    b"#hash",
    b"-leading-dash",
    b"--delete",
    b" leading space",
    b"trailing space ",
    b" ",
    b"...",
    b".hidden",
    b"*?[a-z]{x}~!",
    b"$(touch gone); `id` & | < >",
    b"%s%n%%",
    b"colon:and@host",
    b"tab\there",
    b"return\r",
    b"\x01\x02\x1b[31m\x7f",
    b"\xff\xfe",
    b"cut \xe4\xb8",
    b"surrogate \xed\xa0\x80",
    b"overlong \xc0\xaf",
    b"latin \xe9t\xe9",
    b"replacement \xef\xbf\xbd",
    "composed \u00e9".encode(),
    "decomposed e\u0301".encode(),
    "\u4e2d\u6587\u540d\u5b57".encode(),
    "\u0645\u0644\u0641 \u202e txt".encode(),
    "line\u2028separator".encode(),
    "\U0001f512\U0001f4be".encode(),
    b"<html>&amp;",
    b"Case",
    b"case",
    b"a" * 255,
    "\U0001f600".encode() * 63 + b"xyz",
    b"\xff" * 255,
    b"file.partial",
    b".file.txt.A1b2C3",
)


@pytest.fixture(scope="session")
def nasty_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One nasty tree for all tests of a worker; read it, never change it."""
    root = tmp_path_factory.mktemp("nasty") / "tree"
    make_nasty_tree(root)
    return root


def make_nasty_tree(root: Path) -> None:
    """Create `root` and fill it; the same content, names and times on every call."""
    root.mkdir(parents=True)
    top = os.fsencode(root)
    for folder, fill in _PARTS.items():
        place = os.path.join(top, folder)
        os.mkdir(place)
        fill(place)
    _set_folder_times(top)
    if _root():
        # A folder closed to everybody; last, since nothing more can be put right inside it.
        os.chmod(os.path.join(top, b"modes", b"folder-000"), 0)


def _root() -> bool:
    return os.geteuid() == 0


def _set_folder_times(top: bytes) -> None:
    """Give every folder a time of its own, after everything in it has been made."""
    paths = sorted(path for path in walk(top) if _is_folder(os.path.join(top, path)))
    for number, path in enumerate(paths):
        own = os.path.join(top, path)
        if path != b"times/folder-1901":
            _touch(own, _BASE_NS - number * 1_000_000_007)


def _is_folder(path: bytes) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _touch(path: bytes, mtime_ns: int) -> None:
    os.utime(path, ns=(_BASE_NS, mtime_ns), follow_symlinks=False)


def _write(folder: bytes, name: bytes, content: bytes | None = None) -> bytes:
    path = os.path.join(folder, name)
    with open(path, "xb") as file:
        file.write(b"content of " + name if content is None else content)
    _touch(path, _BASE_NS + len(name))
    return path


def _noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - only has to be incompressible


def _fill_names(place: bytes) -> None:
    for name in NAMES:
        _write(place, name)
    for name in (b"folder \xff\n", b"-rf", b"quote'\"d", b".rsync-partial", b"\\#012 folder"):
        os.mkdir(os.path.join(place, name))
        _write(os.path.join(place, name), b"inside \xe9\n")


def _fill_modes(place: bytes) -> None:
    modes = [0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o4755, 0o2755, 0o6711, 0o1644]
    if _root():
        modes += [0o000, 0o007, 0o200, 0o7000, 0o7777]
    for mode in modes:
        os.chmod(_write(place, b"file-%03o" % mode), mode)
    for mode in (0o500, 0o555, 0o700, 0o755, 0o777, 0o1777, 0o2775, 0o3770):
        folder = os.path.join(place, b"folder-%03o" % mode)
        os.mkdir(folder)
        _write(folder, b"inside")
        os.chmod(folder, mode)
    if _root():
        os.mkdir(os.path.join(place, b"folder-000"))
        _write(os.path.join(place, b"folder-000"), b"inside")


def _fill_owners(place: bytes) -> None:
    if not _root():
        _write(place, b"own")
        return
    for uid, gid in ((1234, 2345), (0, 5), (65534, 65534), (70_000, 70_001), (2**32 - 2,) * 2):
        owned = _write(place, b"%d-%d" % (uid, gid))
        os.chown(owned, uid, gid)
        folder = owned + b".d"
        os.mkdir(folder)
        os.chown(folder, uid, gid)
    setuid = _write(place, b"setuid-of-another")
    os.chown(setuid, 1234, 2345)
    os.chmod(setuid, 0o6755)


def _fill_times(place: bytes) -> None:
    second = 1_000_000_000
    for label, mtime_ns in (
        (b"epoch", 0),
        (b"one-nanosecond", 1),
        (b"before-epoch", -1),
        (b"1969", -86_400 * second + 123_456_789),
        (b"1901", -(2**31) * second),
        (b"2038", 2**31 * second + 999_999_999),
        (b"2106", 2**32 * second + 1),
        (b"2400", 13_569_465_600 * second + 5),
    ):
        _touch(_write(place, label), mtime_ns)
    os.mkdir(os.path.join(place, b"folder-1901"))
    _touch(os.path.join(place, b"folder-1901"), -(2**31) * second)
    old = os.path.join(place, b"link-1970")
    os.symlink(b"epoch", old)
    _touch(old, 7)


def _fill_links(place: bytes) -> None:
    _write(place, b"target")
    for number, (name, target) in enumerate(
        (
            (b"relative", b"target"),
            (b"to-folder", b"../modes"),
            (b"absolute", b"/etc/hostname"),
            (b"dangling", b"no/such/file"),
            (b"outside", b"../../../../../../../../etc/passwd"),
            (b"loop", b"loop"),
            (b"odd", b"with \n newline, \\#012 and '\""),
            (b"trailing-slash", b"../modes/"),
            (b"non-utf8", b"/\xff\xfe\xe9"),
            (b"non-utf8-long", b"\xff" * 255 + b"/x" * 1000),
            (b"long", b"d/" * 2000 + b"end"),
        )
    ):
        path = os.path.join(place, name)
        os.symlink(target, path)
        if _root():
            os.lchown(path, 1000 + number, 2000)
        _touch(path, _BASE_NS - number)


def _fill_hard_links(place: bytes) -> None:
    other = os.path.join(place, b"other")
    os.mkdir(other)
    first = _write(place, b"first", _noise(100_000, 1))
    os.link(first, os.path.join(place, b"second"))
    os.link(first, os.path.join(other, b"third \xff\n"))
    empty = _write(other, b"empty", b"")
    os.link(empty, os.path.join(place, b"also empty"))
    link = os.path.join(place, b"symlink")
    os.symlink(b"first", link)
    _touch(link, _BASE_NS - 5)
    os.link(link, os.path.join(other, b"same symlink"), follow_symlinks=False)
    fifo = os.path.join(place, b"fifo")
    os.mkfifo(fifo, 0o640)
    _touch(fifo, _BASE_NS - 6)
    os.link(fifo, os.path.join(other, b"same fifo"))
    odd = _write(place, b"with attributes")
    os.setxattr(odd, b"user.both", b"names")
    os.chmod(odd, 0o4711)
    _touch(odd, _BASE_NS)
    os.link(odd, os.path.join(other, b"with attributes too"))


def _fill_special(place: bytes) -> None:
    os.mkfifo(os.path.join(place, b"fifo"))
    os.chmod(os.path.join(place, b"fifo"), 0o620)
    devices = (
        (b"null", stat.S_IFCHR | 0o666, 1, 3),
        (b"char-big", stat.S_IFCHR | 0o600, 4000, 1_000_000),
        (b"block", stat.S_IFBLK | 0o660, 8, 1),
        (b"block-big", stat.S_IFBLK | 0o1640, 259, 70_000),
    )
    for name, mode, major, minor in devices if _root() else ():
        path = os.path.join(place, name)
        os.mknod(path, mode, os.makedev(major, minor))
        os.chmod(path, stat.S_IMODE(mode))
        os.chown(path, 0, 6)
    for name in os.listdir(place):
        _touch(os.path.join(place, name), _BASE_NS - len(name))


def _fill_xattrs(place: bytes) -> None:
    values = (
        (b"user.text", b"value"),
        (b"user.empty", b""),
        (b"user.binary", bytes(range(256))),
        (b"user.large", _noise(2500, 2)),
        (b"user." + b"n" * 250, b"long name"),
        ("user.\u540d \n\"'".encode(), b"odd name"),
        (b"user.rsync.inner", b"looks like rsync's own"),
    )
    for number, (name, value) in enumerate(values):
        os.setxattr(_write(place, b"one-%d" % number), name, value)
    many = _write(place, b"many")
    for number in range(20):
        os.setxattr(many, b"user.number-%02d" % number, b"%d" % number)
    read_only = _write(place, b"read-only")
    os.setxattr(read_only, b"user.on", b"read-only")
    os.chmod(read_only, 0o444)
    folder = os.path.join(place, b"folder")
    os.mkdir(folder)
    os.setxattr(folder, b"user.on", b"folder")
    if _root():
        _fill_privileged_xattrs(place)


def _fill_privileged_xattrs(place: bytes) -> None:
    # Revision 2, cap_net_raw permitted and effective; see linux/capability.h.
    capability = struct.pack("<5I", 0x0200_0001, 1 << 13, 0, 0, 0)
    able = _write(place, b"capability")
    os.chmod(able, 0o755)
    os.setxattr(able, b"security.capability", capability)
    os.setxattr(_write(place, b"trusted"), b"trusted.note", b"\0 for root")
    link = os.path.join(place, b"link")
    os.symlink(b"trusted", link)
    os.setxattr(link, b"trusted.on", b"link", follow_symlinks=False)
    fifo = os.path.join(place, b"fifo")
    os.mkfifo(fifo)
    os.setxattr(fifo, b"trusted.on", b"fifo")
    for path in (link, fifo):
        _touch(path, _BASE_NS)


def _acl(*entries: tuple[int, int, int]) -> bytes:
    """An ACL as the kernel keeps it: (tag, permissions, id) in order of tag."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _named_acl(owner: int, group: int, mask: int, other: int) -> bytes:
    people = [(2, 7, 1234), (2, 0, 65534), (8, 4, 2345)]
    ends = [(16, mask, _NO_ID), (32, other, _NO_ID)]
    return _acl((1, owner, _NO_ID), *people[:2], (4, group, _NO_ID), people[2], *ends)


def _fill_acls(place: bytes) -> None:
    access, default = b"system.posix_acl_access", b"system.posix_acl_default"
    minimal = _acl((1, 7, _NO_ID), (4, 5, _NO_ID), (32, 0, _NO_ID))
    mask_only = _acl((1, 6, _NO_ID), (4, 6, _NO_ID), (16, 4, _NO_ID), (32, 4, _NO_ID))
    crowd = [(2, number % 8, 3000 + number) for number in range(80)]
    many = _acl((1, 6, _NO_ID), *crowd, (4, 4, _NO_ID), (16, 7, _NO_ID), (32, 0, _NO_ID))
    for name, value in (
        (b"named", _named_acl(6, 4, 7, 4)),
        (b"masked", _named_acl(6, 7, 1, 0)),
        (b"group-equals-mask", _named_acl(6, 5, 5, 5)),
        (b"mask-only", mask_only),
        (b"crowd", many),
    ):
        os.setxattr(_write(place, name), access, value)
    setuid = _write(place, b"setuid")
    os.setxattr(setuid, access, _named_acl(7, 5, 7, 1))
    os.chmod(setuid, 0o6771)
    for name in (b"both", b"default-minimal", b"default-only"):
        os.mkdir(os.path.join(place, name))
    os.setxattr(os.path.join(place, b"both"), access, _named_acl(7, 5, 7, 5))
    os.setxattr(os.path.join(place, b"both"), default, _named_acl(7, 0, 5, 0))
    os.setxattr(os.path.join(place, b"default-minimal"), default, minimal)
    os.setxattr(os.path.join(place, b"default-only"), default, _named_acl(7, 7, 7, 7))
    _write(os.path.join(place, b"default-only"), b"inherits")


def _fill_sparse(place: bytes) -> None:
    for name, spans in (
        (b"hole-at-start", [(5 * MIB, b"end")]),
        (b"hole-in-middle", [(0, b"start"), (4 * MIB, b"end")]),
        (b"hole-at-end", [(0, b"start"), (3 * MIB, b"")]),
        (b"only-hole", [(2 * MIB, b"")]),
        (b"chequered", [(place * 512 * 1024, _noise(8192, place)) for place in range(1, 6)]),
    ):
        path = _write(place, name, b"")
        with open(path, "r+b") as file:
            for offset, data in spans:
                file.seek(offset)
                file.write(data)
                file.truncate()
        _touch(path, _BASE_NS)


def _fill_contents(place: bytes) -> None:
    for size in (0, 1, 511, 4096, 65_536, 65_537, MIB):
        _write(place, b"size-%d" % size, _noise(size, size))
    large = _noise(20 * MIB, 20)
    _write(place, b"large", large)
    _write(place, b"large-changed-inside", large[: 9 * MIB] + b"!" + large[9 * MIB :])
    twin = _noise(3 * MIB, 3)
    _write(place, b"twin-one", twin)
    _write(place, b"twin-two", twin)
    _write(place, b"zeros-written", bytes(2 * MIB))
    os.mkdir(os.path.join(place, b"empty-folder"))


def _fill_depths(place: bytes) -> None:
    for name, levels in ((b"d" * 250, 10), (b"x", 150)):
        folder = place
        for _ in range(levels):
            folder = os.path.join(folder, name)
            os.mkdir(folder)
        _write(folder, b"at the bottom")
    crowded = os.path.join(place, b"crowded")
    os.mkdir(crowded)
    for number in range(300):
        _write(crowded, b"%04d" % number)


_PARTS: dict[bytes, Callable[[bytes], None]] = {
    b"names": _fill_names,
    b"modes": _fill_modes,
    b"owners": _fill_owners,
    b"times": _fill_times,
    b"links": _fill_links,
    b"hard-links": _fill_hard_links,
    b"special": _fill_special,
    b"xattrs": _fill_xattrs,
    b"acls": _fill_acls,
    b"sparse": _fill_sparse,
    b"contents": _fill_contents,
    b"depths": _fill_depths,
}
