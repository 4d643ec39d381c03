"""The argument list of a push: a restored image to a replacement server. Pure.

The image is in the disguise of `--fake-super`, which this side undoes while it sends; `-M--super`
makes the other side say so where it may not set an owner. Every top entry is an argument of its
own, behind `/./`: the folder that they lie in is never sent, so that a push into `/` leaves the
mode and the owner of `/` alone. Nothing is ever deleted on the server.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from backends.errors import SourcePathInvalid
from backends.rsync.command import IO_TIMEOUT, normal_path, quote_remote_shell
from backends.types import SshTarget

#: What the server keeps of a file that was cut off, beside the file.
_PARTIAL = ".lapseguard-partial"
_UNSAFE = re.compile(r"[*?\[\]\\\n\r\0]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSpec:
    """One push.

    Attributes:
        target: The server.
        image: Local folder with the disguised tree.
        names: The entries of it to push, raw.
        destination: Absolute folder on the server, which is there.
        sudo: Run the server's rsync by `sudo -n`.
        bandwidth: Bytes a second, or None.
    """

    target: SshTarget
    image: str
    names: tuple[bytes, ...]
    destination: str
    sudo: bool = False
    bandwidth: int | None = None


def push_argv(
    spec: PushSpec, *, ssh: Sequence[str], checksum: bool = False, dry: bool = False
) -> tuple[str, ...]:
    """`rsync` with all it needs to make the server's folder hold what the image holds.

    Args:
        spec: What to push.
        ssh: The ssh command without a host, see `backends.ssh.ssh_argv`.
        checksum: Compare the content of files that look equal as well.
        dry: Only say what differs.
    """
    image = os.fsencode(spec.image.rstrip("/"))
    return (
        *("rsync", "--recursive", "--links", "--perms", "--times", "--owner", "--group"),
        *("--devices", "--specials", "--hard-links", "--acls", "--xattrs", "--numeric-ids"),
        *("--sparse", "--relative", "--fake-super", "-M--super", "--modify-window=-1"),
        *(f"--partial-dir={_PARTIAL}", f"--timeout={IO_TIMEOUT}", "--outbuf=L"),
        "--out-format=%i %l %n",
        *(["--checksum"] if checksum else []),
        *(["--dry-run"] if dry else []),
        *([f"--bwlimit={max(1, spec.bandwidth // 1024)}"] if spec.bandwidth else []),
        *(["--rsync-path=sudo -n rsync"] if spec.sudo else []),
        *("-e", quote_remote_shell(ssh)),
        "--",
        *(os.fsdecode(image + b"/./" + name) for name in spec.names),
        f"{bracketed(spec.target.host)}:{check_destination(spec.destination).rstrip('/')}/",
    )


def check_destination(path: str) -> str:
    """A folder on the server in its one spelling.

    Raises:
        SourcePathInvalid: not absolute, or with characters that the server's shell would expand.
    """
    if _UNSAFE.search(path):
        raise SourcePathInvalid(f"{path!r} cannot be pushed to: wildcards and the like are in it")
    return normal_path(path)


def bracketed(host: str) -> str:
    """A host before a colon."""
    return f"[{host}]" if ":" in host else host
