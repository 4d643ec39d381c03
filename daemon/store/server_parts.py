"""A server's dumps, its machine at the provider and its rates as JSON text, and back."""

from datetime import time

from daemon.domain.bandwidth import Stretch
from daemon.domain.canonical import Fields, JsonObject, read_canonical, read_object, write_canonical
from daemon.domain.dump import USUAL_TIMEOUT, DatabaseDump
from daemon.domain.duration import read_duration
from daemon.domain.machine import ProviderMachine
from daemon.domain.sourcetext import dump_fields, machine_fields
from daemon.errors import InvalidValue


def write_dumps(dumps: tuple[DatabaseDump, ...]) -> str:
    """The text that `read_dumps` reads."""
    return write_canonical(dumps_json(dumps)).decode()


def dumps_json(dumps: tuple[DatabaseDump, ...]) -> tuple[JsonObject, ...]:
    """The same before it is text, for the audit trail."""
    return tuple(dict(dump_fields(dump)) for dump in dumps)


def read_dumps(text: str) -> tuple[DatabaseDump, ...]:
    """The dumps that `write_dumps` wrote.

    Raises:
        InvalidValue: any other text.
    """
    items = read_canonical(text.encode())
    if not isinstance(items, list):
        raise InvalidValue("Dumps are not a list.")
    return tuple(read_object(item, "dump", _read_dump) for item in items)


def write_machine(machine: ProviderMachine) -> str:
    """The text that `read_machine` reads."""
    return write_canonical(machine_json(machine)).decode()


def machine_json(machine: ProviderMachine) -> JsonObject:
    """The same before it is text, for the audit trail."""
    return dict(machine_fields(machine))


def read_machine(text: str) -> ProviderMachine:
    """The machine that `write_machine` wrote.

    Raises:
        InvalidValue: any other text.
    """
    return read_object(read_canonical(text.encode()), "machine", _read_machine)


def write_rates(rates: tuple[Stretch, ...]) -> str:
    """The text that `read_rates` reads."""
    return write_canonical(rates_json(rates)).decode()


def rates_json(rates: tuple[Stretch, ...]) -> tuple[JsonObject, ...]:
    """The same before it is text, for the audit trail."""
    return tuple(_stretch(each) for each in rates)


def read_rates(text: str) -> tuple[Stretch, ...]:
    """The rates that `write_rates` wrote.

    Raises:
        InvalidValue: any other text.
    """
    items = read_canonical(text.encode())
    if not isinstance(items, list):
        raise InvalidValue("Rates are not a list.")
    return tuple(read_object(item, "rate", _read_stretch) for item in items)


def _read_stretch(fields: Fields) -> Stretch:
    begin = fields.text("begin")
    try:
        at = time.fromisoformat(begin)
    except ValueError as error:
        raise InvalidValue(f"{begin!r} is no time of the day.") from error
    return Stretch(begin=at, rate=fields.number("rate") if fields.has("rate") else None)


def _stretch(stretch: Stretch) -> JsonObject:
    begin: JsonObject = {"begin": f"{stretch.begin:%H:%M}"}
    return begin if stretch.rate is None else {**begin, "rate": stretch.rate}


def _read_dump(fields: Fields) -> DatabaseDump:
    return DatabaseDump(
        kind=fields.text("kind"),
        name=fields.text("name"),
        database=_text(fields, "database"),
        path=_text(fields, "path"),
        user=_text(fields, "user"),
        role=_text(fields, "role"),
        host=_text(fields, "host"),
        port=fields.number("port") if fields.has("port") else None,
        argv=_texts(fields, "argv"),
        timeout=read_duration(fields.text("timeout")) if fields.has("timeout") else USUAL_TIMEOUT,
    )


def _read_machine(fields: Fields) -> ProviderMachine:
    return ProviderMachine(
        kind=fields.text("kind"),
        id=fields.text("id"),
        region=_text(fields, "region"),
        profile=_text(fields, "profile"),
        account=_text(fields, "account"),
        create=_texts(fields, "create"),
        find=_texts(fields, "find"),
        delete=_texts(fields, "delete"),
    )


def _text(fields: Fields, name: str) -> str | None:
    return fields.text(name) if fields.has(name) else None


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    return fields.texts(name) if fields.has(name) else ()
