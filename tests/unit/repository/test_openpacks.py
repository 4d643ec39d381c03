"""Packs that are filled side by side, and what happens while none of them can go."""

import threading

from backends.repository.blob import SealedBlob
from backends.repository.openpacks import SPREAD, OpenPacks
from backends.repository.pack import PackBuilder
from backends.types import BlobId, BlobKind

#: More than can fill packs at a time.
THREADS = 3 * SPREAD
BLOBS = 40


def test_full_packs_that_cannot_go_are_no_more_than_are_open() -> None:
    """A slow store would otherwise have one more in memory for each thread that fills them."""
    gone, let_go = threading.Semaphore(0), threading.Event()
    sizes: list[int] = []

    def dispatch(builder: PackBuilder) -> None:
        sizes.append(len(builder))
        gone.release()
        let_go.wait(30)

    packs = OpenPacks(1_000, dispatch)

    def fill(number: int) -> None:
        for inner in range(BLOBS):
            name = BlobId(b"%016d%016d" % (number, inner))
            packs.add(
                BlobKind.DATA, SealedBlob(id=name, sealed=bytes(100), uncompressed_length=None)
            )

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    assert all(gone.acquire(timeout=30) for _ in range(SPREAD))
    one_more = gone.acquire(timeout=0.2)
    let_go.set()
    for thread in threads:
        thread.join(30)
    packs.drain()

    assert not one_more
    assert sum(sizes) == THREADS * BLOBS, "nothing is lost on the way"
