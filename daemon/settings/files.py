"""Finding, reading and merging the settings files, before anything is understood of them."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.errors import SettingsError

FILE_NAME: Final = "lapseguard.toml"

#: A settings key as its parts, e.g. `("stores", "main", "url")`.
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the process was given by whoever started it.

    Attributes:
        variables: Environment variables.
        home: The user's home folder.
        superuser: Whether we run as root.
    """

    variables: Mapping[str, str]
    home: Path
    superuser: bool

    @classmethod
    def of_process(cls) -> "Environment":
        """The environment of this process."""
        return cls(variables=os.environ, home=Path.home(), superuser=os.geteuid() == 0)

    @property
    def credentials_directory(self) -> Path | None:
        """Where systemd put the credentials of this unit."""
        return self._folder("CREDENTIALS_DIRECTORY")

    @property
    def state_directory(self) -> tuple[Path, str]:
        """The state folder used when the settings name none, and why that one."""
        if given := self._folder("STATE_DIRECTORY"):
            return given, "$STATE_DIRECTORY"
        if self.superuser:
            return Path("/var/lib/lapseguard"), "default"
        return self.home / ".local/state/lapseguard", "default"

    @property
    def default_file(self) -> Path:
        """Where this user's settings file is made when there is none."""
        if self.superuser:
            return Path("/etc/lapseguard") / FILE_NAME
        return self.home / ".config/lapseguard" / FILE_NAME

    def settings_file(self, given: Path | None) -> Path:
        """The settings file that counts: the one given, else the first that applies.

        The order is `--config`, $LAPSEGUARD_CONFIG, $CONFIGURATION_DIRECTORY, the user's own
        (not for root, and only if it exists), /etc. The file need not exist.
        """
        if given is not None:
            return given.absolute()
        if named := self.variables.get("LAPSEGUARD_CONFIG"):
            return Path(named).absolute()
        if folder := self._folder("CONFIGURATION_DIRECTORY"):
            return folder / FILE_NAME
        if not self.superuser and self.default_file.exists():
            return self.default_file
        return Path("/etc/lapseguard") / FILE_NAME

    def new_settings_file(self, given: Path | None) -> Path:
        """Where `init` makes a settings file, or the one that counts already."""
        found = self.settings_file(given)
        named = given or {"LAPSEGUARD_CONFIG", "CONFIGURATION_DIRECTORY"} & self.variables.keys()
        return found if named or found.exists() else self.default_file

    def _folder(self, variable: str) -> Path | None:
        # systemd separates several folders by colons; the first is the one to use.
        first = self.variables.get(variable, "").split(":")[0]
        return Path(first) if first else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedFiles:
    """Every settings file laid over the one before.

    Attributes:
        files: In the order they were read.
        tree: The merged tables, still as TOML gave them.
        origins: Which file each value (not table) came from.
    """

    files: tuple[Path, ...]
    tree: dict[str, object]
    origins: Mapping[KeyPath, Path]

    def origin(self, key: KeyPath) -> Path:
        """The file that has `key`, or one of its children, or else its closest parent."""
        for length in range(len(key), 0, -1):
            for known, file in self.origins.items():
                if known[:length] == key[:length]:
                    return file
        return self.files[0]


def settings_from_text(text: str, file: Path) -> MergedFiles:
    """What `read_settings_files` would give if `file` held `text` and were alone."""
    tree: dict[str, object] = {}
    origins: dict[KeyPath, Path] = {}
    _lay_over(tree, tomllib.loads(text), file, origins, ())
    return MergedFiles(files=(file,), tree=tree, origins=origins)


def read_settings_files(main: Path) -> MergedFiles:
    """Read `main`, then `conf.d/*.toml` beside it in the order of their names.

    Raises:
        SettingsError: the main file does not exist, or files are unreadable or no TOML; all
            of them are named at once.
    """
    files = (main, *sorted((main.parent / "conf.d").glob("*.toml")))
    tree: dict[str, object] = {}
    origins: dict[KeyPath, Path] = {}
    problems: list[str] = []
    for file in files:
        try:
            content = tomllib.loads(file.read_bytes().decode())
        except FileNotFoundError as error:
            raise SettingsError(
                f"There is no settings file {file}.",
                hint="Create one with `lapseguard init`, or name another with --config FILE.",
            ) from error
        except OSError as error:
            problems.append(f"{file}: cannot be read: {error.strerror}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{file}: is not valid TOML: {error}")
        else:
            _lay_over(tree, content, file, origins, ())
    if problems:
        raise SettingsError("\n".join(problems), hint="Correct the file; the position is named.")
    return MergedFiles(files=files, tree=tree, origins=origins)


def _lay_over(
    below: dict[str, object],
    above: Mapping[str, object],
    file: Path,
    origins: dict[KeyPath, Path],
    parents: KeyPath,
) -> None:
    """Merge `above` into `below`: tables are merged, everything else is replaced."""
    for name, value in above.items():
        key = (*parents, name)
        if isinstance(value, dict):
            existing = below.get(name)
            inner: dict[str, object] = existing if isinstance(existing, dict) else {}
            below[name] = inner
            _lay_over(inner, value, file, origins, key)
        else:
            below[name] = value
            origins[key] = file
