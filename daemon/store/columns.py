"""Column types that refuse what would be misread later."""

import json
from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from daemon.domain.bandwidth import Stretch
from daemon.domain.dump import DatabaseDump
from daemon.domain.instant import as_utc
from daemon.domain.machine import ProviderMachine
from daemon.domain.phase import Course
from daemon.store.courses import read_course, write_course
from daemon.store.server_parts import (
    read_dumps,
    read_machine,
    read_rates,
    write_dumps,
    write_machine,
    write_rates,
)


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


class CourseText(TypeDecorator[Course]):
    """What follows an expiry, as JSON; see `write_course`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Course | None, dialect: Dialect) -> str | None:
        """Python to database."""
        del dialect
        return None if value is None else write_course(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Course | None:
        """Database to Python."""
        del dialect
        return None if value is None else read_course(value)


class DumpsText(TypeDecorator[tuple[DatabaseDump, ...]]):
    """A server's dumps, as JSON; see `write_dumps`."""

    impl = Text
    cache_ok = True

    def process_bind_param(
        self, value: tuple[DatabaseDump, ...] | None, dialect: Dialect
    ) -> str | None:
        """Python to database."""
        del dialect
        return None if value is None else write_dumps(value)

    def process_result_value(
        self, value: str | None, dialect: Dialect
    ) -> tuple[DatabaseDump, ...] | None:
        """Database to Python."""
        del dialect
        return None if value is None else read_dumps(value)


class MachineText(TypeDecorator[ProviderMachine]):
    """A server's machine at its provider, as JSON; see `write_machine`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: ProviderMachine | None, dialect: Dialect) -> str | None:
        """Python to database."""
        del dialect
        return None if value is None else write_machine(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> ProviderMachine | None:
        """Database to Python."""
        del dialect
        return None if value is None else read_machine(value)


class RatesText(TypeDecorator[tuple[Stretch, ...]]):
    """A server's rates by the time of the day, as JSON; see `write_rates`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[Stretch, ...] | None, dialect: Dialect) -> str | None:
        """Python to database."""
        del dialect
        return None if value is None else write_rates(value)

    def process_result_value(
        self, value: str | None, dialect: Dialect
    ) -> tuple[Stretch, ...] | None:
        """Database to Python."""
        del dialect
        return None if value is None else read_rates(value)
