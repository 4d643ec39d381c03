"""The argument list of a pull. Pure.

What is never used, and why: `-z` (its decoder was attacked, ssh could compress), `-L -k -K
--copy-unsafe-links --insecure-links` (would follow the server's links), `--inplace --append`
(would break the last good copy), `--trust-sender --old-args` (would let the server choose names),
`--ignore-errors` (an unreadable folder would be deleted here), `-8` (would let control bytes of
names through), `-c` (reads everything twice; the transfer's own checksum is enough),
`--secluded-args` (rrsync refuses it).
"""

import enum
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from backends.errors import LocalPathUnusable, SourcePathInvalid
from backends.types import PullSpec

#: Seconds without a byte after which rsync gives up.
IO_TIMEOUT = 120
#: What no single allocation may exceed, whatever lengths the server claims.
_MAX_ALLOC = "512m"

_ITEM = "%i %b %l %C %n"
#: The same columns with the checksum left blank.
_ITEM_WITHOUT_CHECKSUM = f"%i %b %l {' ' * 32} %n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """Where rsync keeps what is not finished, away from what it makes of the server's paths.

    Attributes:
        incoming: Files being written; moved to their places when they are complete. An absolute
            path, or one within the image.
        partial: What is kept of files whose transfer was cut.
    """

    incoming: str
    partial: str


class Removal(enum.Enum):
    """How staging loses what the server has no more."""

    #: rsync deletes it, folder by folder, before it writes there.
    BY_RSYNC = "rsync"
    #: rsync names all that the server has, and whatever else there is gets removed afterwards.
    BY_NAME = "name"
    #: Staging is empty.
    NONE = "none"


_REMOVING = {
    Removal.BY_RSYNC: ("--delete", "--delete-excluded"),
    # Twice: also what is as it was. A file may take a folder's place, as with `--delete`.
    Removal.BY_NAME: ("-ii", "--force"),
    Removal.NONE: ("--force",),
}
#: `s`: the server leaves it out, and nothing here keeps it from being removed, which
#: `--delete-excluded` implies.
_EXCLUDING = {
    Removal.BY_RSYNC: "--filter=-",
    Removal.BY_NAME: "--filter=-s",
    Removal.NONE: "--filter=-s",
}


def rsync_argv(
    spec: PullSpec,
    *,
    ssh: Sequence[str],
    scratch: Scratch,
    plain: bool = False,
    removal: Removal = Removal.BY_RSYNC,
) -> tuple[str, ...]:
    """`rsync` with all it needs to make `spec.staging` equal to the server's paths.

    Equal means: `--delete-excluded` removes from staging what a new exclude names, so that the
    image never holds what nobody asked for. Where rsync only names what the server has, to
    remove the rest is for the caller to do. Unfinished files stay in `scratch`, whose folders
    have names that nothing of the server can have. Partial files are told apart by their last
    name only: of two files of one name, both changed and the second cut, the first may use up
    the second's partial copy. That costs a repeated transfer, never a wrong one, since the
    checksum of each whole file is compared.

    Args:
        spec: What to pull.
        ssh: The ssh command without a host, see `backends.ssh.ssh_argv`.
        scratch: Two existing folders on the file system of staging.
        plain: Leave out what a server's rsync below 3.2 does not know; no checksums then.
        removal: See `Removal`.

    Raises:
        SourcePathInvalid, LocalPathUnusable: a path that cannot be passed on.
    """
    if not posixpath.isabs(spec.staging):
        raise LocalPathUnusable(f"The staging folder {spec.staging!r} is not an absolute path")
    if not spec.sources:
        raise SourcePathInvalid("No path is to be saved")
    first, *others = (source_argument(path, spec.source_root) for path in spec.sources)
    return (
        "rsync",
        "-rlptgoHAX",
        *("--devices", "--specials", "--sparse", "--numeric-ids", "--fake-super", "--relative"),
        *_REMOVING[removal],
        # To the nanosecond: by default a file rewritten within the same second, at the same size,
        # counts as unchanged and is never sent.
        "--modify-window=-1",
        # What staging keeps of ACLs and modes is in these; without the rules rsync removes them
        # from a file of which only another attribute changed. `r`: they bind the receiver.
        *("--filter=-xr user.rsync.%*", "--filter=-xr system.*"),
        f"--temp-dir={scratch.incoming}",
        f"--partial-dir={scratch.partial}",
        f"--timeout={IO_TIMEOUT}",
        *("--info=skip", "--outbuf=L"),
        *_reporting(plain=plain),
        *_limits(spec),
        *(["--one-file-system"] if spec.one_file_system else []),
        *(["--rsync-path=sudo -n rsync"] if spec.sudo else []),
        *(f"{_EXCLUDING[removal]} {_checked_pattern(pattern)}" for pattern in spec.excludes),
        *("-e", quote_remote_shell(ssh)),
        "--",
        f"{_bracketed(spec.target.host)}:{first}",
        *(f":{other}" for other in others),
        f"{spec.staging.rstrip('/')}/",
    )


def normal_path(path: str) -> str:
    """A server path in its one spelling: absolute, no empty or `.` parts, no slash at the end.

    Raises:
        SourcePathInvalid: it is relative, climbs by `..`, or has a line break or NUL, which no
            quoting carries through the server's shell.
    """
    if not path.startswith("/") or ".." in path.split("/"):
        raise SourcePathInvalid(f"{path!r} is not an absolute path without `..`")
    if re.search(r"[\n\r\0]", path):
        raise SourcePathInvalid(f"{path!r} contains a line break or NUL")
    return "/" + "/".join(part for part in path.split("/") if part not in {"", "."})


def source_argument(path: str, source_root: str = "") -> str:
    """The remote path as rsync wants it: literal, and landing as `path` wherever it is read.

    rsync quotes for the server's shell all but wildcards, and leaves a backslash before a
    wildcard as it is; so these are the only characters to mask.
    """
    literal = re.sub(r"([*?\[\]])", r"\\\1", normal_path(path))
    if not source_root:
        return literal
    root = re.sub(r"([*?\[\]])", r"\\\1", normal_path(source_root))
    return f"{root.rstrip('/')}/.{literal}"


def quote_remote_shell(argv: Sequence[str]) -> str:
    """An argument list as the text of `-e`, which rsync splits by rules of its own.

    Only spaces separate; single quotes group; a quote within them is doubled; no backslashes.
    """
    return " ".join("'" + argument.replace("'", "''") + "'" for argument in argv)


def _reporting(*, plain: bool) -> tuple[str, ...]:
    if plain:
        return (f"--out-format={_ITEM_WITHOUT_CHECKSUM}",)
    return (
        f"--out-format={_ITEM}",
        "--checksum-choice=xxh128",
        f"--max-alloc={_MAX_ALLOC}",
    )


def _limits(spec: PullSpec) -> list[str]:
    largest = largest_file(spec)
    limits = [] if largest is None else [f"--max-size={largest}"]
    if spec.bandwidth is not None:
        # In units of 1024 bytes, where 0 would mean no limit at all.
        limits.append(f"--bwlimit={max(1, spec.bandwidth // 1024)}")
    return limits


def largest_file(spec: PullSpec) -> int | None:
    """The size above which a single file breaks the budget, or None."""
    budget = spec.budget
    return budget.max_bytes if budget.max_file_bytes is None else budget.max_file_bytes


def _checked_pattern(pattern: str) -> str:
    if not pattern or re.search(r"[\n\r\0]", pattern):
        raise SourcePathInvalid(f"{pattern!r} cannot be used as an exclude pattern")
    return pattern


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
