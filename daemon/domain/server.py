"""What is backed up: a host, how to log in, and which of its paths to save."""

import base64
import binascii
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from daemon.domain.bandwidth import LOWEST_RATE, Stretch, check_stretches, slowest_of
from daemon.domain.dump import DatabaseDump, check_dumps
from daemon.domain.freezing import READ_LIVE, Freezing
from daemon.domain.identifier import check_name
from daemon.domain.instant import as_utc
from daemon.domain.machine import ProviderMachine
from daemon.domain.staging import StagingChoice
from daemon.domain.verification import Depth
from daemon.errors import InvalidValue

_HOST: Final = re.compile(r"[A-Za-z0-9.:_][A-Za-z0-9.:_-]{0,252}", re.ASCII)
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_KEY_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9@.-]*", re.ASCII)
_HIGHEST_PORT: Final = 65535
_HIGHEST_VALUE: Final = 1_000_000
#: Files of ours in every captured tree; see `backends.dumps.dump.FOLDER`.
_OURS: Final = "/.lapseguard"
#: rsync reads these beginnings of a pattern as rules of another kind.
_RULE_MARKS: Final = ("+ ", "- ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One registered server.

    Attributes:
        name: Unique here; also the name of its repository.
        host: DNS name or address.
        port: TCP port of sshd.
        user: Login name on the server.
        identity: Private key file, or None for the one that `init` made.
        host_key: The pinned key as `type base64`.
        paths: Absolute, without `.`, `..` or double slashes; duplicates are dropped, and so are
            paths below another one, unless `one_file_system` gives them a meaning of their own.
        excludes: rsync patterns; one that begins with `/` is a path on the server.
        sudo: Run the server's rsync by `sudo -n`.
        one_file_system: Do not cross into other mounted file systems.
        store: Name of the store, or None for the default one.
        verify_depth: How deep its runs are verified, or None for the default.
        labels: Words that choose the policy.
        value: How much would be lost with it, by a person's word; higher goes first where not
            everything can be saved.
        priority: Its most precious paths, in order; each is one of `paths` or below one.
        bandwidth: Bytes a second at most; None for no limit of its own. Of `rates` the lowest.
        rates: The same by the time of the day, in the zone of the settings; empty where it is
            one number.
        staging: What staging keeps of it, or None for the default.
        freezing: See `Freezing`.
        dumps: Databases that are dumped as well; no two of one name.
        machine: What the provider calls it, or None where it is not asked to copy it.
        fate_accepted: A person knows that its store would perish with it, and wants it so.
        created_at: When it was registered (UTC).

    Raises:
        InvalidValue: on construction, for any value that could not be used later.
    """

    name: str
    host: str
    port: int = 22
    user: str
    identity: str | None = None
    host_key: str
    paths: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    sudo: bool = False
    one_file_system: bool = False
    store: str | None = None
    verify_depth: Depth | None = None
    labels: tuple[str, ...] = ()
    value: int = 0
    priority: tuple[str, ...] = ()
    bandwidth: int | None = None
    rates: tuple[Stretch, ...] = ()
    staging: StagingChoice | None = None
    freezing: Freezing = READ_LIVE
    dumps: tuple[DatabaseDump, ...] = ()
    machine: ProviderMachine | None = None
    fate_accepted: bool = False
    created_at: datetime

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_login(self.host, self.port, self.user)
        check_host_key(self.host_key)
        if self.store is not None:
            check_name(self.store)
        paths = normalise_paths(self.paths, keep_nested=self.one_file_system)
        priority = _check_priority(self.priority, paths)
        for pattern in self.excludes:
            _check_exclude(pattern, (*paths, *_ways(priority, paths)))
        object.__setattr__(self, "paths", paths)
        object.__setattr__(self, "priority", priority)
        labels = tuple(dict.fromkeys(check_name(label) for label in self.labels))
        object.__setattr__(self, "labels", labels)
        if self.rates:
            object.__setattr__(self, "bandwidth", slowest_of(check_stretches(self.rates)))
            if len(self.rates) == 1:  # the same around the clock
                object.__setattr__(self, "rates", ())
        _check_weights(self.value, self.bandwidth)
        object.__setattr__(self, "dumps", check_dumps(self.dumps))
        object.__setattr__(self, "created_at", as_utc(self.created_at))


def normalise_paths(paths: Iterable[str], *, keep_nested: bool = False) -> tuple[str, ...]:
    """The paths as they are stored: each clean, none twice, in the order given.

    Args:
        paths: As a person typed them.
        keep_nested: Keep `/srv/db` beside `/srv`; else the outer one alone says the same.

    Raises:
        InvalidValue: a path is relative, climbs with `..`, holds a control character, or lies
            where every backup has files of ours; or there is none at all.
    """
    clean = tuple(dict.fromkeys(_normalise_path(path) for path in paths))
    if not clean:
        raise InvalidValue("No path is given.", hint="Name at least one with --path.")
    for path in clean:
        if path == _OURS or _is_below(path, _OURS):
            raise InvalidValue(
                f"The path {path} is where the dumps and the passport of a backup are put.",
                hint=f"Name what is saved by its own path, outside {_OURS}.",
            )
    if keep_nested:
        return clean
    return tuple(path for path in clean if not any(_is_below(path, other) for other in clean))


def check_host_key(host_key: str) -> str:
    """Give back a key written `type base64`, or raise InvalidValue."""
    kind, _, blob = host_key.partition(" ")
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    # The blob begins with its own type as a length-prefixed string: RFC 4253, section 6.6.
    if not _KEY_TYPE.fullmatch(kind) or not raw.startswith(_length_prefixed(kind)):
        raise InvalidValue(
            "The host key is not of the form `ssh-ed25519 AAAA…`.",
            hint="Copy it from the server's /etc/ssh/ssh_host_ed25519_key.pub, or use --scan.",
        )
    return host_key


def host_key_from(text: str | None) -> str | None:
    """The key in what a person pasted: a public key, with a comment, or a known_hosts line."""
    if not text:
        return None
    words = text.split()
    kinds = ("ssh-", "ecdsa-", "sk-")
    start = next((i for i, word in enumerate(words) if word.startswith(kinds)), 0)
    return " ".join(words[start : start + 2])


def _length_prefixed(text: str) -> bytes:
    return len(text).to_bytes(4, "big") + text.encode("ascii")


def _check_login(host: str, port: int, user: str) -> None:
    if not _HOST.fullmatch(host):
        raise InvalidValue(f"{host!r} is not a host name or address.")
    if not 1 <= port <= _HIGHEST_PORT:
        raise InvalidValue(f"{port} is not a TCP port.", hint="Ports are 1 to 65535.")
    if not _USER.fullmatch(user):
        raise InvalidValue(f"{user!r} is not a login name.")


def _check_text(text: str, what: str) -> None:
    if not text or any(ord(character) < ord(" ") for character in text) or not _is_utf8(text):
        raise InvalidValue(f"{what} {text!r} is empty, or holds a control character or a bad byte.")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _normalise_path(path: str) -> str:
    _check_text(path, "The path")
    if not path.startswith("/"):
        raise InvalidValue(f"The path {path} is not absolute.", hint=f"Perhaps /{path}?")
    if ".." in path.split("/"):
        # What `..` means depends on symbolic links that only the server knows.
        raise InvalidValue(f"The path {path} contains `..`.", hint="Write it without.")
    return "/" + posixpath.normpath(path).lstrip("/")


def _check_priority(precious: tuple[str, ...], paths: tuple[str, ...]) -> tuple[str, ...]:
    """The precious paths, clean; each must be among what is saved at all."""
    clean = tuple(dict.fromkeys(_normalise_path(path) for path in precious))
    for path in clean:
        if path not in paths and not any(_is_below(path, other) for other in paths):
            raise InvalidValue(
                f"The precious path {path} is not among the paths that are saved.",
                hint="Add it with --path, or name one below them.",
            )
    return clean


def _ways(precious: Iterable[str], paths: tuple[str, ...]) -> Iterator[str]:
    """The precious paths, and the folders between them and what is saved."""
    for path in precious:
        while path not in paths and path != "/":
            yield path
            path = posixpath.dirname(path)  # noqa: PLW2901 - up, one folder at a time


def _check_weights(value: int, bandwidth: int | None) -> None:
    if not 0 <= value <= _HIGHEST_VALUE:
        raise InvalidValue(f"The value {value} is not one of 0 to {_HIGHEST_VALUE}.")
    if bandwidth is not None and bandwidth < LOWEST_RATE:
        raise InvalidValue(
            f"A bandwidth of {bandwidth} bytes a second is too small to be meant.",
            hint=f"Give at least {LOWEST_RATE}, or none for no limit.",
        )


def _is_below(path: str, outer: str) -> bool:
    return path != outer and path.startswith(outer.rstrip("/") + "/")


def _check_exclude(pattern: str, paths: tuple[str, ...]) -> None:
    _check_text(pattern, "The exclude pattern")
    if pattern.startswith(_RULE_MARKS) or pattern == "!":
        raise InvalidValue(
            f"The exclude pattern {pattern!r} would be read as another kind of rule.",
            hint="Give plain patterns, without `+ `, `- ` or `!`.",
        )
    hidden = next((path for path in paths if _hides(pattern, path)), None)
    if hidden is not None:
        raise InvalidValue(
            f"The exclude pattern {pattern} speaks against the whole path {hidden}.",
            hint="Drop the pattern, or the path.",
        )


def _hides(pattern: str, path: str) -> bool:
    """Whether `pattern` means `path` itself, or is a path above it.

    A name without a leading slash above it does not count: rsync filters only what is below the
    paths it is asked for. Patterns with `**` are not decided here and count as no.
    """
    parts = path.strip("/").split("/")
    wanted = pattern.strip("/").split("/")
    if "**" in pattern or path == "/" or len(wanted) > len(parts):
        return False
    if not pattern.startswith("/"):
        parts = parts[-len(wanted) :]
    return all(fnmatchcase(part, want) for want, part in zip(wanted, parts, strict=False))
