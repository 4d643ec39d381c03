"""Throwaway S3 servers on loopback: SeaweedFS, which does S3 well, and rclone, which does not.

Plain classes without pytest, so that a demonstration can use them as the tests do. Each keeps
its data under a folder of the caller's, runs in a process group of its own, and is ended by
`stop`, by leaving the `with` block, or at the latest when Python ends, be it by SIGKILL.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: An access key of SeaweedServer that may not write.
READER_KEY = "AKLAPSEGUARDREADER"

_START_SECONDS = 30
_STOP_SECONDS = 20
_ATTEMPTS = 3


def find_program(name: str) -> str | None:
    """The path of a program, looking first beside the running Python, where wheels put theirs."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def free_ports(count: int) -> list[int]:
    """TCP ports on loopback that nobody listens on at this moment."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class _ServerAway(Exception):
    """The server ended by itself, or did not answer in time."""


class S3Server:
    """What both servers share: a child process, one identity, buckets.

    Attributes:
        endpoint: Its URL, the same after a `restart`.
        access_key: Of the only identity; any other is refused.
        secret_key: Likewise.
        region: To be given by clients.
    """

    program = ""
    region = "us-east-1"

    def __init__(
        self, root: Path, *, host: str = "127.0.0.1", within: tuple[str, ...] = ()
    ) -> None:
        """Keep everything below `root`, which is made; nothing runs before `start`.

        Args:
            root: A folder of its own.
            host: The address that it answers at.
            within: Words before its own command line, such as `ip netns exec NAME`.
        """
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.host = host
        self._within = within
        self.log = root / "server.log"
        self.access_key = "AKLAPSEGUARDTESTS"
        self.secret_key = f"secret-{uuid.uuid4().hex}"
        self.endpoint = ""
        self._ports: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian: _Guardian | None = None

    @property
    def pid(self) -> int | None:
        """Of the server while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> Self:
        """Run the server and return once it takes requests.

        Raises:
            RuntimeError: it does not come up; the message ends with its log.
        """
        for _ in range(_ATTEMPTS):
            self._choose_ports()
            try:
                self._launch()
            except _ServerAway:
                self.kill()  # most likely another process took a port: choose others
            else:
                return self
        message = f"{self.program} does not start:\n{self.log.read_text()[-2000:]}"
        raise RuntimeError(message)

    def stop(self) -> None:
        """End the server in an orderly way; its data stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop if running, and run again on the same ports with the same data."""
        self.stop()
        self._launch()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """End without ceremony: what it holds is thrown away."""
        self.kill()

    def make_bucket(
        self, name: str | None = None, *, versioned: bool = False, object_lock: bool = False
    ) -> str:
        """Create a bucket and give its name; object lock brings versioning along."""
        bucket = name or f"bucket-{uuid.uuid4().hex[:12]}"
        client = self.client()
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=object_lock)
        if versioned:
            client.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        return bucket

    def client(self) -> "S3Client":
        """A plain boto3 client, to look behind the back of the code under test."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=_CLIENT,
        )

    def arguments(self) -> list[str]:
        """The command line after the program; `_ports` are chosen, `endpoint` is not needed."""
        raise NotImplementedError

    def _choose_ports(self) -> None:
        raise NotImplementedError

    def _launch(self) -> None:
        program = find_program(self.program)
        if program is None:
            message = f"{self.program} is not installed"
            raise RuntimeError(message)
        self.endpoint = f"http://{self.host}:{self._ports[0]}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._within, program, *self.arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.root,
                env={"PATH": os.environ["PATH"], "HOME": str(self.root)},
                start_new_session=True,
            )
        self._guardian = _Guardian(self._process.pid)
        self._await_answer()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        client = self.client()
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with contextlib.suppress(BotoCoreError, ClientError):
                self._check_ready(client)
                return
            time.sleep(0.05)
        raise _ServerAway

    def _check_ready(self, client: "S3Client") -> None:
        """Return if the server works; raise a botocore error if it does not yet."""
        client.list_buckets()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        if self._guardian is not None:
            self._guardian.dismiss()
        process.wait()


class SeaweedServer(S3Server):
    """SeaweedFS with all its parts in one process; up in about a second.

    It honours checksums, conditional puts, versioning and object lock. `READER_KEY`, with the
    same secret, may read and list only.
    """

    program = "weed"

    def arguments(self) -> list[str]:
        """`weed mini` with every port given and nothing but S3 switched on."""
        names = ("s3", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc")
        names += ("filer", "filer.grpc", "admin", "admin.grpc")
        ports = [
            f"-{'.port.'.join(name.split('.')) if '.' in name else f'{name}.port'}={port}"
            for name, port in zip(names, self._ports, strict=True)
        ]
        return [
            "-logtostderr=true",
            "mini",
            f"-dir={self.root / 'data'}",
            f"-s3.config={self.root / 'identities.json'}",
            *ports,
            f"-ip={self.host}",
            f"-ip.bind={self.host}",
            *_SEAWEED,
        ]

    def _choose_ports(self) -> None:
        self._ports = free_ports(10)
        (self.root / "data").mkdir(exist_ok=True)
        (self.root / "identities.json").write_text(json.dumps(self._identities()))

    def _end(self, how: signal.Signals) -> None:
        """SeaweedFS leaves its sockets behind, in a place of its own choosing."""
        super()._end(how)
        for port in self._ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - see above
                # One of another user is not ours: ports are used again, names with them.
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    path.unlink()

    def _identities(self) -> dict[str, object]:
        everything = ["Admin", "Read", "Write", "List", "Tagging"]
        return {
            "identities": [
                _identity("tests", self.access_key, self.secret_key, everything),
                _identity("reader", READER_KEY, self.secret_key, ["Read", "List"]),
            ]
        }

    def _check_ready(self, client: "S3Client") -> None:
        """The gateway answers before the volumes can take data: write something."""
        if not client.list_buckets()["Buckets"]:
            client.create_bucket(Bucket="readiness")
        client.put_object(Bucket="readiness", Key="ready", Body=b"ready" * 1000)


class RcloneServer(S3Server):
    """`rclone serve s3`: a store that ignores much of what it is asked to check."""

    program = "rclone"

    def arguments(self) -> list[str]:
        """Serve the folder `data`; each folder in it is a bucket."""
        address = f"{self.host}:{self._ports[0]}"
        keys = f"{self.access_key},{self.secret_key}"
        folder = str(self.root / "data")
        return ["serve", "s3", "--config=", f"--addr={address}", f"--auth-key={keys}", folder]

    def _choose_ports(self) -> None:
        self._ports = free_ports(1)
        (self.root / "data").mkdir(exist_ok=True)


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {"name": name, "credentials": credentials, "actions": actions}


_SEAWEED = (
    "-webdav=false",
    "-admin.ui=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=64",
    "-volume.max=2000",
)

_CLIENT = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path", "payload_signing_enabled": True},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=30,
)


class _Guardian:
    """Kills a process group when this process ends, however it ends.

    A shell waits for the end of a pipe that only we hold open. (`PR_SET_PDEATHSIG` would not do:
    it fires when the *thread* that started the server ends.)
    """

    def __init__(self, group: int) -> None:
        self._group = group
        self._shell = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -KILL -- "-$1" 2>/dev/null', "sh", str(group)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Kill what is left of the group, and end the guardian.

        It is not left to the closing of the pipe, which a child of ours might hold open as well.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._group, signal.SIGKILL)
        self._shell.kill()
        self._shell.communicate()
