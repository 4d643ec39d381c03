"""What lies where in the state folder."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import StateFolderUnusable


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFolder:
    """The one folder that holds everything the program keeps on this machine.

    Attributes:
        root: Absolute path; mode 0700, owned by the user that runs the program.
    """

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file, unless the settings name another database."""
        return self.root / "lapseguard.db"

    @property
    def ssh_identity(self) -> Path:
        """The private key for servers that name none of their own."""
        return self.root / "ssh" / "id_ed25519"

    @property
    def repository_password(self) -> Path:
        """The password file that `init` generates."""
        return self.root / "secrets" / "repository_password"

    @property
    def signing_key(self) -> Path:
        """The Ed25519 key that signs manifests."""
        return self.root / "secrets" / "manifest_signing_key"

    @property
    def staging(self) -> Path:
        """Where pulls land: one folder a server."""
        return self.root / "staging"

    @property
    def is_private(self) -> bool:
        """Whether nobody but its owner (and root) can look inside."""
        return not self.root.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)

    def require_usable(self) -> None:
        """Refuse a state folder that is missing or not ours to write.

        Raises:
            StateFolderUnusable: says which.
        """
        if not self.root.is_dir():
            what = "is not a folder" if self.root.exists() else "does not exist"
            raise StateFolderUnusable(f"The state folder {self.root} {what}.")
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise StateFolderUnusable(f"The state folder {self.root} is not writable by us.")
