"""How a server is brought to rest and frozen while it is captured."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from daemon.domain.duration import check_timeout
from daemon.errors import InvalidValue

NONE: Final = "none"
AUTO: Final = "auto"
HOOK: Final = "hook"
#: What `--snapshot` takes; `auto` tries what the file systems have.
KINDS: Final = (NONE, AUTO, "btrfs", "lvm", "zfs", HOOK)
USUAL_HOOK_TIMEOUT: Final = timedelta(minutes=5)
_LONGEST_HOOK: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freezing:
    """What a person wants of a server's source snapshots.

    Attributes:
        kind: One of `KINDS`.
        required: Fail rather than read live what cannot be frozen.
        before: Command on the server that brings an application to rest; empty for none.
        after: Command that lets it go on; it runs whenever `before` was begun.
        freeze: With the kind `hook`: prints the root of a frozen view as its last line.
        thaw: With the kind `hook`: takes that view down.
        hook_timeout: How long each of the four commands may take; whole seconds.

    Raises:
        InvalidValue: on construction, for a kind that there is not, a hook without its two
            commands, commands without a hook, an empty word, or a time-out that is none.
    """

    kind: str = NONE
    required: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    thaw: tuple[str, ...] = ()
    hook_timeout: timedelta = USUAL_HOOK_TIMEOUT

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidValue(
                f"{self.kind!r} is no kind of source snapshot.", hint=f"One of {', '.join(KINDS)}."
            )
        if (self.kind == HOOK) != bool(self.freeze and self.thaw):
            raise InvalidValue(
                "Commands that freeze and thaw go with the kind `hook`, and both of them do.",
                hint="Give --snapshot hook --freeze COMMAND --thaw COMMAND, or none of the three.",
            )
        for argv in (self.before, self.after, self.freeze, self.thaw):
            if argv and not argv[0]:
                raise InvalidValue("A command begins with the name of a program.")
        check_timeout(self.hook_timeout, _LONGEST_HOOK, "A hook")

    @property
    def is_idle(self) -> bool:
        """Whether nothing at all is to be done on the server."""
        return replace(self, hook_timeout=USUAL_HOOK_TIMEOUT) == READ_LIVE


#: Nothing is frozen, and said to be so.
READ_LIVE: Final = Freezing()
