"""Ours: an installation of its own, and `lapseguard backup-now` from the command line."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.capture.contestants import Contestant, Step
from tests.benchmarks.capture.measure import Command, run
from tests.benchmarks.capture.rig import PASSWORD, Rig
from tests.benchmarks.capture.trees import Tree

PROGRAM = Path(sys.executable).parent / "lapseguard"
SERVER = "bench"

_SETTINGS = """\
[daemon]
state_dir = "{folder}/state"

[stores.main]
url = "s3://{bucket}/{prefix}"
endpoint = "{endpoint}"
allow_http = true
access_key_id_file = "{folder}/access-key"
secret_access_key_file = "{folder}/secret-key"
repository_password_file = "{folder}/password"

{more}
"""


class Lapseguard(Contestant):
    """Claim, pull, store with each blob decoded and hashed again before upload, proof, manifest.

    Args:
        rig: Both ends.
        tree: What is saved.
        label: That nothing else in the rig has.
        settings: More of the settings file.
    """

    name = "lapseguard"

    def __init__(
        self,
        rig: Rig,
        tree: Tree,
        label: str,
        *,
        settings: str = "",
    ) -> None:
        self._rig, self._tree, self._settings = rig, tree, settings
        self.folder = rig.scratch / f"ours-{label}"
        self.prefix = f"ours-{label}"

    @property
    def repository(self) -> str:
        """The prefix of the server's repository in the bucket."""
        return f"{self.prefix}/{SERVER}"

    @property
    def staging(self) -> Path:
        """Where rsync delivers to."""
        return self.folder / "state" / "staging" / SERVER / "image"

    @property
    def restic(self) -> dict[str, str]:
        """What stock restic needs to open the repository."""
        return self._rig.restic(self.repository)

    def begin(self) -> None:
        self.folder.mkdir(mode=0o700)
        secrets = {"access-key": self._rig.store.access_key, "password": PASSWORD}
        secrets["secret-key"] = self._rig.store.secret_key
        for name, text in secrets.items():
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(text)
        self._write_settings()
        target = self._rig.host.target()
        run((*self.call(), "init", "-q"))
        run(
            (
                *(*self.call(), "server", "add", SERVER, "-q", "--host", target.host),
                *("--port", str(target.port), "--user", target.user),
                *("--identity", target.identity, "--host-key", target.host_key),
                *("--path", str(self._tree.path)),
            )
        )

    def call(self) -> tuple[str, ...]:
        """The words that call the program with this installation's settings."""
        return (str(PROGRAM), "--config", str(self.folder / "lapseguard.toml"))

    def newest_state(self) -> str:
        """Of the newest run."""
        argv = (*self.call(), "history", SERVER, "--limit", "1", "--json")
        said = subprocess.run(argv, capture_output=True, check=True).stdout
        return str(json.loads(said)[0]["state"])

    def command(self, _step: Step) -> Command:
        return Command(argvs=((*self.call(), "backup-now", SERVER, "-q"),))

    def stored(self) -> int | None:
        return self._rig.stored(self.prefix)

    def end(self) -> None:
        shutil.rmtree(self.folder)
        self._rig.forget(self.prefix)

    def _write_settings(self) -> None:
        text = _SETTINGS.format(
            folder=self.folder,
            bucket=self._rig.bucket,
            prefix=self.prefix,
            endpoint=self._rig.store.endpoint,
            more=self._settings,
        )
        path = self.folder / "lapseguard.toml"
        path.touch(mode=0o600)
        path.write_text(text)
