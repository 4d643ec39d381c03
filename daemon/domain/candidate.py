"""What a run could be begun of."""

from dataclasses import dataclass

from daemon.domain.run import RunKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A server whose turn it is, before anybody has claimed a run of it; see `Run`."""

    server: str
    kind: RunKind
    store: str
