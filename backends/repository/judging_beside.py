"""Judges packs in a second process as well, so that both processors work on small blobs."""

import struct
from collections.abc import Iterator
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

    def judge(self, master: MasterKey, pack: bytes) -> Judgement | None:
        """See `PackJudge.judge`; None where the caller has to see for itself."""
        answer = self._other.ask(master.encrypt + master.mac_k + master.mac_r + pack)
        return None if answer is None else _decode(answer)

    def abandon(self) -> None:
        """End the other process, so that nobody waits for it."""
        self._other.end()


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
        yield None if other is None else BesideJudge(other)


def _encode(judgement: Judgement) -> bytes:
    found = _JUDGEMENT.pack(judgement.size, bool(judgement.header), judgement.header)
    return found + judgement.fault.encode()


def _decode(answer: bytes) -> Judgement:
    size, sound, header = _JUDGEMENT.unpack_from(answer)
    fault = answer[_JUDGEMENT.size :].decode()
    return Judgement(size=size, header=header if sound else b"", fault=fault)
