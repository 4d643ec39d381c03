"""Judges packs in a second process as well, so that both processors work on small blobs."""

import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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
        self._ahead: dict[bytes, Future[Judgement | None]] = {}

    def begin(self, master: MasterKey, packs: Iterable[bytes]) -> None:
        """Have packs judged as long as nobody asks; called once, before `judge`.

        Judging needs the key and names alone, so it may begin before any index is read.
        """
        for pack in packs:
            self._ahead[pack] = self._asking.submit(self._ask, master, pack)

    def judge(self, master: MasterKey, pack: bytes) -> Judgement | None:
        """See `PackJudge.judge`; None where the caller has to see for itself."""
        # What has not begun by now is for whoever asks: here or there, as it comes.
        self._asking.shutdown(wait=False, cancel_futures=True)
        early = self._ahead.get(pack)
        if early is None or early.cancelled():
            return self._ask(master, pack)
        return early.result()

    def _ask(self, master: MasterKey, pack: bytes) -> Judgement | None:
        answer = self._other.ask(master.encrypt + master.mac_k + master.mac_r + pack)
        return None if answer is None else _decode(answer)

    def abandon(self) -> None:
        """End the other process, so that nobody waits for it."""
        self._asking.shutdown(wait=False, cancel_futures=True)
        self._other.end()
        self._asking.shutdown(wait=True)


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
