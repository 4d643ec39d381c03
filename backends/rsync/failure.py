"""Why a pull failed, or what it left out, told from rsync's exit code and its words. Pure."""

import errno
import os
import re
from collections.abc import Iterable

from backends.errors import (
    BackendError,
    BudgetExceeded,
    LocalDiskFull,
    LocalPathUnusable,
    RsyncMissing,
    SourceAccessDenied,
    SourcePathMissing,
    TransferFailed,
    TransferInterrupted,
)
from backends.process import readable, readable_name
from backends.rsync.command import normal_path
from backends.rsync.complaints import Complaint, Complaints
from backends.rsync.exit_codes import Verdict, exit_meaning
from backends.ssh import ssh_failure
from backends.types import Omission, PullSpec

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_MISSING = {errno.ENOENT, errno.ENOTDIR}
_DENIED = {errno.EACCES, errno.EPERM}

#: As many shells say it: bash, dash, busybox, zsh, csh, fish, sudo.
_NO_RSYNC = re.compile(
    r"rsync: (?:command )?not found|command not found: rsync|Unknown command:? .?rsync"
    r"|rsync: No such file or directory$|rsync: Command not found",
    re.MULTILINE,
)
_NO_SUDO = re.compile(
    r"^sudo: .*|sudo: (?:command )?not found|user \S+ is not allowed to execute .*"
    r"|\S+ is not in the sudoers file",
    re.MULTILINE | re.IGNORECASE,
)
_DIALECT = re.compile(
    r"unknown option|unknown checksum|rrsync.*\boption|\(code [14]\) at .*\[(server|sender)=",
    re.IGNORECASE,
)
_FORCED = re.compile(r"^\S*rrsync(?: error)?:? (?P<said>.*)$", re.MULTILINE)
_UNREQUESTED = re.compile(r"^ERROR: rejecting (?:unrequested|excluded) .*$", re.MULTILINE)
_NOISE = "is your shell clean?"


def pull_failure(
    spec: PullSpec, exit_code: int, stderr: bytes, complaints: Complaints
) -> BackendError | None:
    """The error of a pull, or None where it delivered, if only in part.

    Args:
        spec: What was asked for.
        exit_code: rsync's, or minus a signal's number.
        stderr: What rsync printed there.
        complaints: The same, understood.
    """
    verdict = exit_meaning(exit_code).verdict
    if verdict in {Verdict.COMPLETE, Verdict.VANISHED}:
        return None
    if failure := _local_failure(complaints.complaints):
        return failure
    if verdict is Verdict.PARTIAL:
        return _requested_failure(spec, complaints.complaints)
    said = readable(stderr)
    return (
        ssh_failure(spec.target, said, 0)
        or _refusal(spec, said)
        or _misunderstanding(spec, said)
        or _by_exit_code(spec, exit_code, said)
    )


def speaks_older_dialect(stderr: bytes) -> bool:
    """Whether the server's rsync did not know an option, so that a plainer call may succeed."""
    return bool(_DIALECT.search(readable(stderr)))


def omissions(spec: PullSpec, complaints: Iterable[Complaint]) -> tuple[Omission, ...]:
    """What the copy lacks; paths are relative to staging, as those of arrivals."""
    found: dict[bytes, Omission] = {}
    for complaint in complaints:
        path = _image_path(spec, complaint)
        where = "here: " if complaint.here else ""
        found.setdefault(path, Omission(path=path, reason=f"{where}{complaint.reason}"))
    return tuple(found.values())


def image_path(spec: PullSpec, path: bytes) -> bytes:
    """Where the server's absolute `path` lies in staging, relative to it."""
    root = os.fsencode(spec.source_root.rstrip("/"))
    return path.removeprefix(root + b"/").lstrip(b"/")


def _image_path(spec: PullSpec, complaint: Complaint) -> bytes:
    if complaint.here:
        return complaint.path.removeprefix(os.fsencode(spec.staging.rstrip("/")) + b"/")
    return image_path(spec, complaint.path)


def _local_failure(complaints: tuple[Complaint, ...]) -> BackendError | None:
    for complaint in (complaint for complaint in complaints if complaint.here):
        name = readable_name(complaint.path)
        # "No space" for an attribute means that it is too large for one file, not the disk full.
        if complaint.number in _NO_SPACE and "xattr" not in complaint.operation:
            return LocalDiskFull(f"No room here for {name}: {complaint.reason}")
        if complaint.number == errno.EFBIG:
            return BudgetExceeded(f"{name} is larger than the server listed it and than allowed")
        if complaint.number == errno.EOPNOTSUPP and "%stat" in complaint.operation:
            return LocalPathUnusable(
                f"The file system of {name} keeps no extended attributes",
                hint="Put the state folder on ext4, XFS or Btrfs.",
            )
    return None


def _requested_failure(
    spec: PullSpec, complaints: tuple[Complaint, ...]
) -> SourcePathMissing | SourceAccessDenied | None:
    """Only the paths that were asked for by name fail a pull; what is below them is omitted."""
    remote = [complaint for complaint in complaints if not complaint.here]
    if gone := [found for found in remote if found.number in _MISSING and _is_argument(found)]:
        names = ", ".join(sorted({_shown(spec, complaint) for complaint in gone}))
        return SourcePathMissing(f"{spec.target.alias} has no {names}")
    requested = {os.fsencode(normal_path(path)).lstrip(b"/") for path in spec.sources}
    denied = [
        found
        for found in remote
        if found.number in _DENIED
        and (_is_argument(found) or _image_path(spec, found) in requested)
    ]
    if denied:
        names = ", ".join(sorted({_shown(spec, complaint) for complaint in denied}))
        return SourceAccessDenied(f"{spec.target.user} may not read {names}")
    return None


def _is_argument(complaint: Complaint) -> bool:
    """These two calls rsync makes on its arguments alone; what it finds by itself has others."""
    return complaint.operation.startswith(("link_stat", "change_dir"))


def _shown(spec: PullSpec, complaint: Complaint) -> str:
    path = complaint.path
    if not complaint.operation.startswith("change_dir"):
        path = b"/" + _image_path(spec, complaint)
    return readable_name(path)


def _refusal(spec: PullSpec, said: str) -> BackendError | None:
    """The server did not run rsync for us."""
    alias, user = spec.target.alias, spec.target.user
    if _NO_RSYNC.search(said):
        return RsyncMissing(
            f"rsync is not installed on {alias}", hint="On the server: `apt-get install rsync`."
        )
    if spec.sudo and (found := _NO_SUDO.search(said)):
        return SourceAccessDenied(
            f"{user} may not run rsync by sudo on {alias}: {found[0].strip()}",
            hint=f"On the server, by visudo: `{user} ALL=(root) NOPASSWD: /usr/bin/rsync`.",
        )
    if found := _FORCED.search(said):
        return SourceAccessDenied(
            f"The forced command of the key on {alias} refuses this: {found['said'].strip()}",
            hint='In authorized_keys: `command="rrsync -ro /"`, so that paths stay absolute.',
        )
    return None


def _misunderstanding(spec: PullSpec, said: str) -> TransferFailed | None:
    """The server ran something, but not what we can work with."""
    alias, user = spec.target.alias, spec.target.user
    if _DIALECT.search(said):
        return TransferFailed(
            f"The rsync on {alias} does not know what is asked of it{_first_words(said)}",
            hint="Install a newer rsync on the server, built with ACL and xattr support.",
        )
    if found := _UNREQUESTED.search(said):
        return TransferFailed(
            f"{alias} sends something that was not asked for: {found[0]}",
            hint="rrsync expands `*`, `?` and `[` in paths: save the folder above. "
            "If no path has these, do not trust this server.",
        )
    if _NOISE in said:
        return TransferFailed(
            f"{alias} prints something of its own before rsync begins",
            hint=f"Let no start file of {user}'s shell print anything when there is no terminal.",
        )
    return None


def _by_exit_code(spec: PullSpec, exit_code: int, said: str) -> BackendError:
    meaning = exit_meaning(exit_code)
    message = f"The pull from {spec.target.alias} ended: {meaning.reason}{_first_words(said)}"
    if meaning.verdict is Verdict.LOCAL:
        return LocalPathUnusable(message, hint="Check the staging folder under the state folder.")
    return TransferInterrupted(message) if meaning.retryable else TransferFailed(message)


def _first_words(said: str) -> str:
    """The first line is the cause; rsync's further lines report how it then fell over."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f": {lines[0]}" if lines else ""
