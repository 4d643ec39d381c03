"""Names that people give, and ids that the program gives."""

import re
from datetime import datetime
from typing import Final

from daemon.domain.instant import as_utc
from daemon.errors import InvalidValue

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_RUN: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_RANDOM_BYTES: Final = 3


def new_run_id(now: datetime, random: bytes) -> str:
    """An id such as `20261123T060101Z-3fa9c2`: sorts by time, unique by three random bytes.

    Args:
        now: When the run begins; aware.
        random: At least three unpredictable bytes; the first three are used.
    """
    if len(random) < _RANDOM_BYTES:
        raise InvalidValue(f"A run id needs {_RANDOM_BYTES} random bytes, got {len(random)}.")
    return f"{as_utc(now):%Y%m%dT%H%M%SZ}-{random[:_RANDOM_BYTES].hex()}"


def check_run_id(run: str) -> str:
    """Give back `run`, or raise InvalidValue if it is not of `new_run_id`'s form."""
    if not _RUN.fullmatch(run):
        raise InvalidValue(
            f"{run!r} is not a run id.",
            hint="Run ids look like 20261123T060101Z-3fa9c2; `lapseguard history` lists them.",
        )
    return run


def is_run_id(text: str) -> bool:
    """Whether `text` is of `new_run_id`'s form, which no name is."""
    return _RUN.fullmatch(text) is not None


def check_name(name: str) -> str:
    """Give back the name of a server, contract or store, or raise InvalidValue.

    Names become folder names, object keys and words on a command line, hence the narrow form.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} cannot be a name.",
            hint="Use 1 to 63 of a-z, 0-9, dot, dash and underscore, beginning with a-z or 0-9.",
        )
    return name


def check_sha256(digest: str, what: str) -> str:
    """Give back 64 lower-case hex digits, or raise InvalidValue naming `what` they should be."""
    if not _SHA256.fullmatch(digest):
        raise InvalidValue(f"The {what} {digest!r} is not a SHA-256 in hex.")
    return digest
