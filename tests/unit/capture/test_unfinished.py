"""What has come of large files that are not complete: as far as it is stored, and no longer."""

import hashlib
from concurrent.futures import Future

from backends.capture.unfinished import Unfinished
from backends.repository.beginning import Beginning
from backends.types import BlobId

SINCE = 1_700_000_000.0


def add(beginning: Beginning, *contents: bytes) -> list[Future[BlobId]]:
    """Pieces that are on their way."""
    digest, size = hashlib.sha256(), beginning.size()
    pieces = []
    for content in contents:
        digest.update(content)
        size += len(content)
        pieces.append(Future[BlobId]())
        beginning.add(pieces[-1], size, digest)
    return pieces


def store(*pieces: Future[BlobId]) -> None:
    for number, piece in enumerate(pieces):
        piece.set_result(BlobId(bytes([number]) * 32))


def has(unfinished: Unfinished) -> dict[str, int]:
    return {file.path: file.stored.size for file in unfinished.files()}


def test_only_what_is_stored_without_a_gap_counts() -> None:
    unfinished = Unfinished()
    first, second, third = add(unfinished.begin(1, b"a.img", SINCE), b"one", b"two!", b"three")
    assert has(unfinished) == {}
    store(first)
    third.set_result(BlobId(bytes(32)))
    (file,) = unfinished.files()
    assert (file.stored.size, file.stored.sha256) == (3, hashlib.sha256(b"one").digest())
    store(second)
    assert has(unfinished) == {"unfinished/a.img": 12}


def test_nothing_counts_after_a_piece_that_failed() -> None:
    unfinished = Unfinished()
    first, second, third = add(unfinished.begin(1, b"a.img", SINCE), b"one", b"two!", b"three")
    store(first, third)
    second.set_exception(OSError("the disk"))
    assert has(unfinished) == {"unfinished/a.img": 3}


def test_of_several_of_one_name_the_longest_is_kept() -> None:
    unfinished = Unfinished()
    store(*add(unfinished.begin(1, b"a.img", SINCE), b"one"))
    store(*add(unfinished.begin(2, b"a.img", SINCE), b"one", b"two!"))
    store(*add(unfinished.begin(3, b"\xff.img", SINCE), b"x"))
    assert has(unfinished) == {"unfinished/a.img": 7, "unfinished/\\xff.img": 1}


def test_a_file_that_is_complete_was_begun_by_nothing_of_its_name_that_is_no_longer() -> None:
    """A pull that was begun anew in the midst of it has written it twice."""
    unfinished = Unfinished()
    store(*add(unfinished.begin(1, b"a.img", SINCE), b"one"))
    store(*add(unfinished.begin(2, b"a.img", SINCE), b"one", b"two!"))
    store(*add(unfinished.begin(3, b"b.img", SINCE), b"x"))
    unfinished.complete(b"srv/a.img", 5)
    assert has(unfinished) == {"unfinished/a.img": 7, "unfinished/b.img": 1}
    unfinished.complete(b"srv/a.img", 7)
    assert has(unfinished) == {"unfinished/b.img": 1}
    assert unfinished.size == 1
