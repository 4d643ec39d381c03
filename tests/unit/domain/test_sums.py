"""The SHA256SUMS listing, checked against the coreutils of this machine."""

import hashlib
import io
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.sums import FileSum, read_sums, write_sums
from daemon.errors import ManifestInvalid
from tests.parts.requirement import require_program

NAMES = st.binary(min_size=1, max_size=8).map(lambda name: name.translate(None, b"/\0"))
CLEAN = NAMES.filter(lambda name: name not in {b"", b".", b".."})
PATHS = st.lists(CLEAN, min_size=1, max_size=3).map(b"/".join)

NASTY = [
    b"plain",
    b"a b  c",
    b" leading",
    b"*star",
    b"\\",
    b"back\\slash",
    b"new\nline",
    b"\r",
    b"carriage\rreturn\\n",
    b"\xff\xfe not text",
    "数据".encode(),
    b"-dash",
    b"#hash",
    b"x" * 255,
]


def entry(path: bytes, content: bytes = b"") -> FileSum:
    return FileSum(path=path, sha256=hashlib.sha256(content).digest())


@given(st.sets(PATHS))
def test_every_listing_can_be_read_back(paths):
    entries = [entry(path) for path in sorted(paths, key=lambda path: path.split(b"/"))]
    listing = io.BytesIO(b"".join(write_sums(entries)))
    assert list(read_sums(listing)) == entries


def test_coreutils_accepts_our_listing_and_we_read_the_one_it_writes(tmp_path):
    sha256sum = require_program("sha256sum", "coreutils")
    folder = tmp_path / "restored"
    (folder / "sub").mkdir(parents=True)
    paths = sorted([*NASTY, *(b"sub/" + name for name in NASTY)], key=lambda p: p.split(b"/"))
    for path in paths:
        (folder / path.decode(errors="surrogateescape")).write_bytes(path)
    listing = tmp_path / "SHA256SUMS"
    listing.write_bytes(b"".join(write_sums(entry(path, path) for path in paths)))

    checked = subprocess.run(
        [sha256sum, "-c", "--strict", "--quiet", listing],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")

    theirs = subprocess.run([sha256sum, "--", *paths], cwd=folder, capture_output=True, check=True)
    assert theirs.stdout == listing.read_bytes()
    assert [read.path for read in read_sums(io.BytesIO(theirs.stdout))] == paths


def test_coreutils_notices_a_changed_file(tmp_path):
    (tmp_path / "a").write_bytes(b"changed")
    listing = b"".join(write_sums([entry(b"a", b"original")]))
    sha256sum = require_program("sha256sum", "coreutils")
    checked = subprocess.run(
        [sha256sum, "-c"], cwd=tmp_path, input=listing, capture_output=True, check=False
    )
    assert checked.returncode == 1


def test_the_order_is_that_of_a_walk_through_the_folders():
    entries = [entry(b"a/z"), entry(b"a-b")]
    assert len(list(write_sums(entries))) == 2
    for wrong in (list(reversed(entries)), [entries[0], entries[0]]):
        with pytest.raises(ManifestInvalid, match="out of order"):
            list(write_sums(wrong))


@pytest.mark.parametrize("path", [b"", b"/a", b"a//b", b"../a", b"./a", b"a\0"])
def test_a_path_that_leads_elsewhere_is_refused(path):
    with pytest.raises(ManifestInvalid, match="clean relative path"):
        list(write_sums([entry(path)]))


def test_a_digest_of_another_length_is_refused():
    with pytest.raises(ManifestInvalid, match="32 bytes"):
        list(write_sums([FileSum(path=b"a", sha256=b"short")]))


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"abc  name\n", b"a" * 64 + b" name\n", b"a" * 64 + b"  name",
     b"\\" + b"a" * 64 + b"  bad\\x\n", b"A" * 64 + b"  name\n"],
)  # fmt: skip
def test_a_line_of_another_form_is_refused(line):
    with pytest.raises(ManifestInvalid):
        list(read_sums([line]))
