"""What the program says of itself: structured events in the past tense, e.g. `run.claimed`.

For a person at a terminal an event is a line on standard error, and shown only with -v. Under
systemd, or with --log-json, each is one JSON object, shown always. Other libraries' log records
take the same way, but only from warnings on: at finer levels some of them print credentials.
"""

import logging
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TextIO

from daemon.log import prepare_log
from daemon.printable import printable, printable_lines
from daemon.secrets import Secret

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

_MASK: Final = "***"
#: A value under a key that contains one of these is never shown, whatever its type.
_SECRET_WORDS: Final = ("password", "secret", "token", "access_key", "private_key")


def configure_logging(*, verbosity: int, as_json: bool, stream: TextIO | None = None) -> None:
    """Set up logging for this process; calling it again replaces what was set up before.

    Args:
        verbosity: -1 errors only; 0 warnings (JSON: everything but details); 1 events; 2 details.
        as_json: One JSON object a line.
        stream: Where to; standard error by default.
    """
    stream = stream or sys.stderr
    level = _level(verbosity, as_json=as_json)
    prepare_log(level, lambda: _set_up(level, as_json=as_json, stream=stream))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_LateFormatter(as_json=as_json, stream=stream))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def wants_json(variables: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether the surroundings call for JSON: a systemd unit, with its output in the journal.

    `INVOCATION_ID` alone is not enough: a shell started from a unit inherits it.
    """
    return not terminal and ("JOURNAL_STREAM" in variables or "INVOCATION_ID" in variables)


def _level(verbosity: int, *, as_json: bool) -> int:
    if verbosity < 0:
        return logging.ERROR
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    return levels[min(max(verbosity, int(as_json)), 2)]


def _set_up(level: int, *, as_json: bool, stream: TextIO) -> None:
    import structlog  # noqa: PLC0415 - see `daemon.log`

    structlog.configure(
        processors=[*_shared(), *_rendering(as_json=as_json, stream=stream)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )


class _LateFormatter(logging.Formatter):
    """Makes other libraries' records look like ours; loads what it needs with the first one."""

    def __init__(self, *, as_json: bool, stream: TextIO) -> None:
        super().__init__()
        self._as_json = as_json
        self._stream = stream
        self._inner: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        """As the library's own does it."""
        if self._inner is None:
            self._inner = self._make()
        return self._inner.format(record)

    def _make(self) -> logging.Formatter:
        from structlog.stdlib import ProcessorFormatter  # noqa: PLC0415 - see `daemon.log`

        return ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                ProcessorFormatter.remove_processors_meta,
                *_rendering(as_json=self._as_json, stream=self._stream),
            ],
        )


def _shared() -> "list[Processor]":
    import structlog  # noqa: PLC0415 - see `daemon.log`

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask_secrets,
        structlog.processors.format_exc_info,
        _escape_values,
    ]


def _rendering(*, as_json: bool, stream: TextIO) -> "list[Processor]":
    import structlog  # noqa: PLC0415 - see `daemon.log`

    if as_json:
        return [structlog.processors.JSONRenderer(default=str)]
    return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0)]


def _mask_secrets(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    for key, value in event.items():
        if isinstance(value, Secret) or any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = _MASK
    return event


def _escape_values(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """Keep names of files from writing to the terminal or forging a second line."""
    for key, value in event.items():
        if key == "exception":
            event[key] = printable_lines(str(value))
        elif isinstance(value, bytes | str):
            event[key] = printable(value)
    return event
