"""Judges packs in a second process as well, so that both processors work on small blobs."""

import struct
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Final

from backends.errors import BackendError
from backends.protocols import ObjectStore
from backends.repository.crypto import MasterKey
from backends.repository.judging import Judgement, PackJudge
from backends.twin import Twin, twin

#: A pack is fetched while another one is judged.
_SEATS: Final = 2
_KEY_SIZE: Final = 64
#: Size and SHA-256 of the header; the fault follows.
_JUDGEMENT: Final = struct.Struct("<Q?32s")


class BesideJudge:
    """Passes questions to the other process; safe to use from several threads."""

    def __init__(self, other: Twin) -> None:
        self._other = other
        self._asking = ThreadPoolExecutor(_SEATS, "ahead")
        self._enough = threading.Event()
        self._ahead: dict[bytes, Future[Judgement | None]] = {}

    def begin(self, master: MasterKey, packs: Iterable[bytes]) -> None:
        """Have packs judged as long as nobody asks; called once, before `judge`.

        Judging needs the key and names alone, so it may begin before any index is read. `packs`
        is drawn from by threads of this, one at a time, and only as packs are judged; a store
        that does not answer ends it.
        """
        drawing, coming = threading.Lock(), iter(packs)
        for _ in range(_SEATS):
            self._asking.submit(self._go_ahead, master, coming, drawing)

    def judge(self, master: MasterKey, pack: bytes) -> Judgement | None:
        """See `PackJudge.judge`; None where the caller has to see for itself."""
        # What has not begun by now is for whoever asks: here or there, as it comes.
        self._enough.set()
        early = self._ahead.pop(pack, None)
        return self._ask(master, pack) if early is None else early.result()

    def abandon(self) -> None:
        """End the other process, so that nobody waits for it."""
        self._enough.set()
        self._other.end()
        # Not waited for: one may be listing a store that does not answer.
        self._asking.shutdown(wait=False)

    def _go_ahead(self, master: MasterKey, coming: Iterator[bytes], drawing: Lock) -> None:
        while (drawn := self._draw(coming, drawing)) is not None:
            pack, judged = drawn
            answer: Judgement | None = None
            try:
                answer = self._ask(master, pack)
            finally:
                judged.set_result(answer)

    def _draw(
        self, coming: Iterator[bytes], drawing: Lock
    ) -> tuple[bytes, Future[Judgement | None]] | None:
        # Safe to pass over: whoever asks for the packs meets the same.
        with drawing, suppress(BackendError):
            pack = next(coming, None)
            if pack is not None and not self._enough.is_set():
                judged = self._ahead[pack] = Future()
                return pack, judged
        return None

    def _ask(self, master: MasterKey, pack: bytes) -> Judgement | None:
        answer = self._other.ask(master.encrypt + master.mac_k + master.mac_r + pack)
        return None if answer is None else _decode(answer)


@contextmanager
def judge_beside(store: ObjectStore) -> Iterator[BesideJudge | None]:
    """A second process that judges packs of a store, where there can be one.

    Args:
        store: Nothing may have been asked of it yet: both processes would share a connection.
    """
    judge = PackJudge(store)

    def answer(question: bytes) -> bytes | None:
        master = MasterKey.from_derived(question[:_KEY_SIZE])
        try:
            return _encode(judge.judge(master, question[_KEY_SIZE:]))
        except (BackendError, MemoryError):
            return None  # the other process tries for itself, and says what is wrong

    with twin(answer, seats=_SEATS) as other:
        if other is None:
            yield None
            return
        beside = BesideJudge(other)
        try:
            yield beside
        finally:
            beside.abandon()


def _encode(judgement: Judgement) -> bytes:
    found = _JUDGEMENT.pack(judgement.size, bool(judgement.header), judgement.header)
    return found + judgement.fault.encode()


def _decode(answer: bytes) -> Judgement:
    size, sound, header = _JUDGEMENT.unpack_from(answer)
    fault = answer[_JUDGEMENT.size :].decode()
    return Judgement(size=size, header=header if sound else b"", fault=fault)
