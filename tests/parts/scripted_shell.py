"""A server's command line that answers from a script; it stands where a RemoteShell would."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from backends.process import Finished

#: What a command prints, how it ends, or what comes instead of an end.
Answer = str | Finished | Exception


class ScriptedShell:
    """Answers by words that a command contains, and keeps all commands."""

    def __init__(self, *answers: tuple[str, Answer | Callable[[], Answer]]) -> None:
        self._answers = answers
        self.said: list[str] = []

    def run(self, argv: Sequence[str], timeout: float) -> Finished:  # noqa: ARG002 - part of the Protocol
        self.said.append(" ".join(argv))
        for words, answer in self._answers:
            if words in self.said[-1]:
                return _ended(answer() if callable(answer) else answer)
        return _ended("")

    @contextmanager
    def connect(self) -> Iterator["ScriptedShell"]:
        yield self

    def changes(self) -> list[str]:
        """All commands but those that only look."""
        return [line for line in self.said if not line.startswith(("lvs", "zfs list"))]


def _ended(answer: Answer) -> Finished:
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, str):
        return Finished(exit_code=0, stdout=answer.encode(), stderr=b"")
    return answer


def failing(words: str, code: int = 5) -> Finished:
    return Finished(exit_code=code, stdout=b"", stderr=words.encode())
