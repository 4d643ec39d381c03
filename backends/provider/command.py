"""Any other provider: three programs of the operator's own that speak JSON.

Each is an argument list, run here, and told what it is about by its environment: `LAPSEGUARD_RUN`
and, to create, `LAPSEGUARD_MACHINE`. `create` and `find` print

    {"machine": "…", "copies": [{"id": "…", "volume": "…", "size": 1073741824, "state": "pending",
     "progress": 40, "begun_at": "2026-11-23T06:01:01Z", "reason": ""}]}

with `state` one of `pending`, `completed`, `failed`; `find` prints nothing where there is none.
`create` must return what it has begun for the same run before.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from backends.errors import (
    BackendError,
    ProcessTimeout,
)
from backends.process import readable, run
from backends.provider.snapshot import ProviderSnapshot, SnapshotState, VolumeCopy, check_run
from backends.source_errors import (
    ProviderError,
    ProviderUnreachable,
)

KIND: Final = "command"
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSnapshots:
    """See `ProviderSnapshots`.

    Attributes:
        creating: Argument list.
        finding: Likewise.
        deleting: Likewise.
        timeout: Seconds for each.
    """

    creating: tuple[str, ...]
    finding: tuple[str, ...]
    deleting: tuple[str, ...]
    timeout: float = 120.0
    kind: str = KIND

    def create(self, machine: str, run: str) -> ProviderSnapshot:
        """See `ProviderSnapshots.create`."""
        made = _parse(run, self._run(self.creating, run, LAPSEGUARD_MACHINE=machine))
        if made is None:
            raise ProviderError(f"`{self.creating[0]}` did not say what it has begun")
        return made

    def find(self, run: str) -> ProviderSnapshot | None:
        """See `ProviderSnapshots.find`."""
        return _parse(run, self._run(self.finding, run))

    def delete(self, run: str) -> None:
        """See `ProviderSnapshots.delete`."""
        self._run(self.deleting, run)

    def _run(self, argv: Sequence[str], name: str, **about: str) -> str:
        env = {"LAPSEGUARD_RUN": check_run(name), **about}
        try:
            finished = run(argv, timeout=self.timeout, env=env)
        except ProcessTimeout as error:
            raise ProviderUnreachable(f"`{argv[0]}` did not end: {error}") from error
        except BackendError as error:
            raise ProviderError(f"`{argv[0]}` cannot be run: {error}", hint=error.hint) from error
        if finished.exit_code != 0:
            said = readable(finished.stderr).strip().splitlines()[-1:] or ["it said nothing"]
            raise ProviderError(f"`{argv[0]}` ended with {finished.exit_code}: {said[0]}")
        return finished.stdout.decode("utf-8", "replace")


def _parse(run: str, printed: str) -> ProviderSnapshot | None:
    if not printed.strip():
        return None
    try:
        told = json.loads(printed)
        copies = tuple(_copy(each) for each in told["copies"])
        return ProviderSnapshot(run=run, machine=str(told["machine"]), copies=copies)
    except (ValueError, KeyError, TypeError) as error:
        raise ProviderError(
            f"What the provider's program printed cannot be read: {error!r}"
        ) from error


def _copy(told: dict[str, Any]) -> VolumeCopy:
    state = SnapshotState(told["state"])
    progress = _WHOLE if state is SnapshotState.COMPLETED else int(told.get("progress", 0))
    return VolumeCopy(
        id=str(told["id"]),
        volume=str(told["volume"]),
        size=int(told["size"]),
        begun_at=datetime.fromisoformat(told["begun_at"]).astimezone(UTC),
        state=state,
        progress=progress,
        reason=str(told.get("reason", "")),
    )
