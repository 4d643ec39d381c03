"""Column types that refuse what would be misread later."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from daemon.domain.instant import as_utc


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Naive times are refused; what comes back is aware and in UTC.

    SQLite keeps no offset, even for `DateTime(timezone=True)`, so UTC is kept there by convention.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Python to database."""
        if value is None:
            return None
        utc = as_utc(value)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class TextTuple(TypeDecorator[tuple[str, ...]]):
    """Several texts in their order, as a JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """Python to database."""
        del dialect
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        """Database to Python."""
        del dialect
        return None if value is None else tuple(json.loads(value))


class JsonText(TypeDecorator[Any]):
    """A value of several parts, as JSON.

    Args:
        write: Gives the text of a value.
        read: Gives the value of a text; raises InvalidValue for any other text.
    """

    impl = Text
    cache_ok = True

    def __init__(self, write: Callable[[Any], str], read: Callable[[str], Any]) -> None:
        super().__init__()
        self.write = write
        self.read = read

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        """Python to database."""
        del dialect
        return None if value is None else self.write(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:
        """Database to Python."""
        del dialect
        return None if value is None else self.read(value)
