"""What a provider calls a server, so that it can copy its disks."""

import re
from dataclasses import dataclass
from typing import Final

from daemon.errors import InvalidValue

EBS: Final = "ebs"
COMMAND: Final = "command"
KINDS: Final = (EBS, COMMAND)
_INSTANCE: Final = re.compile(r"i-[0-9a-f]{8,17}", re.ASCII)
_REGION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMachine:
    """What a provider snapshot of a server needs to know.

    No credentials are kept here: the kind `ebs` takes them from where every AWS program does
    (environment, named profile, instance role), and programs of the operator's own know theirs.

    Attributes:
        kind: One of `KINDS`.
        id: The machine's at the provider; with the kind `ebs`, the EC2 instance.
        region: With the kind `ebs`: where the instance is.
        profile: With the kind `ebs`: a named profile of this host, or None for the default chain.
        account: In which the copies live, by name or number; None for the server's own, with
            which they end.
        create: With the kind `command`: begins a snapshot; a program on this host, and its words.
        find: Likewise: tells how far it is.
        delete: Likewise: removes it.

    Raises:
        InvalidValue: on construction, for a kind that there is not, a value that the kind has no
            use for or cannot do without, or one that could not be used later.
    """

    kind: str
    id: str
    region: str | None = None
    profile: str | None = None
    account: str | None = None
    create: tuple[str, ...] = ()
    find: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidValue(
                f"{self.kind!r} is no kind of provider snapshot.", hint=f"One of {', '.join(KINDS)}"
            )
        for text in (self.id, self.profile, self.account, *self.create, *self.find, *self.delete):
            _check_text(text)
        if self.kind == EBS:
            self._check_ebs()
        else:
            self._check_command()

    def _check_ebs(self) -> None:
        if not _INSTANCE.fullmatch(self.id):
            raise InvalidValue(
                f"{self.id!r} is not the id of an EC2 instance.",
                hint="It looks like i-0123456789abcdef0; the EC2 console lists it.",
            )
        if self.region is None or not _REGION.fullmatch(self.region):
            raise InvalidValue(
                f"{self.region or ''!r} is not a region of AWS.",
                hint="Write it like eu-central-1 or cn-north-1.",
            )
        if self.create or self.find or self.delete:
            raise InvalidValue(f"Commands go with the kind `{COMMAND}` alone.")

    def _check_command(self) -> None:
        if not (self.create and self.find and self.delete):
            raise InvalidValue(
                "Three commands are needed: to begin a snapshot, to find it and to delete it.",
                hint="`lapseguard server machine set --help` says what they are told, and print.",
            )
        if self.region is not None or self.profile is not None:
            raise InvalidValue(
                f"A region and a profile go with the kind `{EBS}` alone.",
                hint="Put them into the commands.",
            )


def _check_text(text: str | None) -> None:
    if text is not None and (not text or not text.isprintable()):
        raise InvalidValue(f"{text!r} is empty, or holds a character that cannot be printed.")
