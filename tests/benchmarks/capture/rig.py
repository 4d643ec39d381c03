"""Both ends on one machine: sshd, an S3 server, and a folder for everything."""

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.capture.line import HERE, End, two_lines
from tests.benchmarks.capture.measure import Far, processor_seconds
from tests.parts.object_servers import SeaweedServer
from tests.throwaway_sshd import Sshd

#: As stock servers have it; rclone wants it.
_SFTP = "Subsystem sftp internal-sftp"
PASSWORD = "benchmark"  # noqa: S105 - guards nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Servers and folders of one benchmark.

    Attributes:
        scratch: Everything is below it, and goes with it.
        host: The server that is saved.
        store: Where to.
        bucket: In the store.
        line: Megabits a second to each of the two, each way; None for loopback.
        ends: Where the host and the store are.
    """

    scratch: Path
    host: Sshd
    store: SeaweedServer
    bucket: str
    line: int | None = None
    ends: tuple[End, End] = (HERE, HERE)

    @property
    def far(self) -> tuple[int, ...]:
        """The processes of the other side."""
        return tuple(pid for pid in (self.host.pid, self.store.pid) if pid is not None)

    def look(self) -> Far:
        """What both ends have done so far."""
        host, store = self.ends
        return Far(
            server=processor_seconds(self.host.pid),
            store=processor_seconds(self.store.pid),
            pulled=host.passed()[0],
            pushed=store.passed()[1],
        )

    @property
    def login(self) -> str:
        """`user@host`."""
        return f"{self.host.user}@{self.host.host}"

    @property
    def ssh(self) -> str:
        """The remote shell, as an operator would configure it, in one text."""
        return (
            f"ssh -F none -i {self.host.identity} -p {self.host.port} -o LogLevel=ERROR "
            "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        )

    def restic(self, prefix: str) -> dict[str, str]:
        """What stock restic needs to reach a repository under that prefix."""
        return {
            "RESTIC_REPOSITORY": f"s3:{self.store.endpoint}/{self.bucket}/{prefix}",
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_CACHE_DIR": str(self.scratch / "restic-cache"),
            "AWS_ACCESS_KEY_ID": self.store.access_key,
            "AWS_SECRET_ACCESS_KEY": self.store.secret_key,
        }

    def stored(self, prefix: str) -> int:
        """Bytes of all objects under a prefix."""
        pages = self.store.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=f"{prefix}/")
        return sum(each["Size"] for page in found for each in page.get("Contents", ()))

    def forget(self, prefix: str) -> None:
        """Delete all objects under a prefix, so that the disk does not fill up."""
        client = self.store.client()
        pages = client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=f"{prefix}/"):
            keys = [each["Key"] for each in page.get("Contents", ())]
            if keys:
                client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys]}
                )


@contextmanager
def rig(scratch: Path, line: int | None = None) -> Iterator[Rig]:
    """Both servers, up; behind lines of so many megabits a second if asked.

    Raises:
        LineUnavailable: the system does not let us make such lines.
    """
    with contextlib.ExitStack() as held:
        ends = held.enter_context(two_lines(line)) if line else None
        first, second = ends or (HERE, HERE)
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="rig-", dir=scratch)))
        store = held.enter_context(
            SeaweedServer(folder / "s3", host=second.address, within=second.within)
        )
        host = Sshd(folder / "sshd", host=first.address, within=first.within, extra=_SFTP)
        held.enter_context(host)
        bucket = store.make_bucket("bench")
        yield Rig(
            scratch=folder, host=host, store=store, bucket=bucket, line=line, ends=(first, second)
        )
