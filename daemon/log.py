"""Where every module says what happened: `LOG.info("run.claimed", run=...)`.

structlog does it, and is loaded by the first event that anybody hears: with the modules for
colours and tracebacks that it brings, that takes longer than most commands have to say anything.
How events look, and which of them are heard, is in `telemetry`.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
#: The library.
_LIBRARY: Final = "structlog"


class Log:
    """Takes events; what it is bound to is part of each."""

    def __init__(self, known: Mapping[str, Any] = _NOTHING) -> None:
        self._known = known

    def bind(self, **known: object) -> "Log":
        """The same, bound to more."""
        return Log({**self._known, **known})

    def debug(self, event: str, **values: object) -> None:
        """A detail."""
        self._say(logging.DEBUG, event, values)

    def info(self, event: str, **values: object) -> None:
        """Something happened."""
        self._say(logging.INFO, event, values)

    def warning(self, event: str, **values: object) -> None:
        """Something deserves attention."""
        self._say(logging.WARNING, event, values)

    def error(self, event: str, **values: object) -> None:
        """Something went wrong."""
        self._say(logging.ERROR, event, values)

    def _say(self, level: int, event: str, values: Mapping[str, Any]) -> None:
        if _VOICE.is_heard(level):
            _VOICE.speak(level, event, {**self._known, **values})


class _Voice:
    """The library once it is needed, set up as it was last asked for."""

    def __init__(self) -> None:
        self._level = logging.NOTSET
        self._set_up: Callable[[], None] | None = None

    def prepare(self, level: int, set_up: Callable[[], None]) -> None:
        """See `prepare_log`."""
        self._level, self._set_up = level, set_up
        if _LIBRARY in sys.modules:
            self._catch_up()

    def is_heard(self, level: int) -> bool:
        """Whether it may be; a library that is there knows best."""
        return level >= self._level or _LIBRARY in sys.modules

    def speak(self, level: int, event: str, values: Mapping[str, Any]) -> None:
        """Have the library say it."""
        import structlog  # noqa: PLC0415 - see above

        self._catch_up()
        structlog.get_logger("lapseguard").log(level, event, **values)

    def _catch_up(self) -> None:
        set_up, self._set_up = self._set_up, None
        if set_up is not None:
            set_up()


_VOICE: Final = _Voice()
#: Bound to nothing yet.
LOG: Final = Log()


def prepare_log(level: int, set_up: Callable[[], None]) -> None:
    """Say how the library is to be set up, which is done at once if it is loaded.

    Args:
        level: Events below it are not heard.
        set_up: Sets it up.
    """
    _VOICE.prepare(level, set_up)
