"""JSON in exactly one spelling, so that a signature over it can be checked by anybody.

The spelling is that of RFC 8785 for the values used here: objects with ASCII names sorted, no
white space, text as UTF-8 with the shortest escapes, whole numbers that every JSON reader can hold.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from daemon.errors import InvalidValue

JsonValue: TypeAlias = (
    "str | int | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"  # recursive
)
JsonObject: TypeAlias = Mapping[str, JsonValue]
_Item = TypeVar("_Item")

#: The largest whole number that survives readers which keep all numbers as doubles (RFC 7493).
MAX_INTEGER: Final = 2**53 - 1


def write_canonical(value: JsonValue) -> bytes:
    """The one spelling of `value`.

    Raises:
        InvalidValue: it holds a fraction, a number beyond `MAX_INTEGER`, a name that is not
            ASCII, or text that UTF-8 cannot hold.
    """
    _require_plain(value)
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue("A text holds half a character (a lone surrogate).") from error


def read_canonical(data: bytes) -> JsonValue:
    """The value that `write_canonical` wrote.

    Raises:
        InvalidValue: `data` is not JSON, or is spelled in any other way.
    """
    try:
        value: JsonValue = json.loads(data.decode())
        canonical = write_canonical(value)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"It is not JSON: {error}") from error
    if canonical != data:
        raise InvalidValue("It is JSON, but not in its canonical spelling.")
    return value


def _require_plain(value: JsonValue) -> None:
    if isinstance(value, dict):
        if not all(isinstance(name, str) and name.isascii() for name in value):
            raise InvalidValue("An object has a name that is not ASCII.")
        for item in value.values():
            _require_plain(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_plain(item)
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise InvalidValue(f"The number {value} is too large for JSON.")
    elif value is not None and not isinstance(value, str):
        raise InvalidValue(f"A {type(value).__name__} has no canonical spelling.")


class Fields:
    """The members of one JSON object, taken out one by one and checked on the way.

    Every method raises InvalidValue if the member is absent or of another type. `finish` raises
    it if anything is left: what is not understood is not passed over.
    """

    def __init__(self, value: JsonValue, where: str) -> None:
        if not isinstance(value, dict):
            raise InvalidValue(f"{where} is not an object.")
        self._rest: dict[str, JsonValue] = dict(value)
        self._where = where

    def take(self, name: str) -> JsonValue:
        """A member of any type."""
        if name not in self._rest:
            raise InvalidValue(f"{self._where} has no {name}.")
        return self._rest.pop(name)

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return name in self._rest

    def text(self, name: str) -> str:
        """A text."""
        value = self.take(name)
        if not isinstance(value, str):
            raise self._wrong(name, "text")
        return value

    def optional_text(self, name: str) -> str | None:
        """A text, or None where the member is null."""
        return None if self._is_null(name) else self.text(name)

    def number(self, name: str) -> int:
        """A whole number from 0."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(name, "a whole number from 0")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.take(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def one(self, name: str, read: Callable[["Fields"], _Item]) -> _Item:
        """An object, read by `read`."""
        return read_object(self.take(name), f"{self._where}.{name}", read)

    def optional(self, name: str, read: Callable[["Fields"], _Item]) -> _Item | None:
        """An object, or None where the member is null."""
        return None if self._is_null(name) else self.one(name, read)

    def each(self, name: str, read: Callable[["Fields"], _Item]) -> tuple[_Item, ...]:
        """A list of objects, each read by `read`."""
        return tuple(
            read_object(item, f"{self._where}.{name}[{place}]", read)
            for place, item in enumerate(self._list(name))
        )

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        items = self._list(name)
        if not all(isinstance(item, str) for item in items):
            raise self._wrong(name, "a list of texts")
        return tuple(str(item) for item in items)

    def finish(self) -> None:
        """Refuse members that nobody asked for."""
        if self._rest:
            names = ", ".join(sorted(self._rest))
            raise InvalidValue(f"{self._where} has unknown members: {names}.")

    def _is_null(self, name: str) -> bool:
        if name in self._rest and self._rest[name] is None:
            del self._rest[name]
            return True
        return False

    def _list(self, name: str) -> list[JsonValue]:
        value = self.take(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return value

    def _wrong(self, name: str, wanted: str) -> InvalidValue:
        return InvalidValue(f"{self._where}.{name} is not {wanted}.")


def read_object(value: JsonValue, where: str, read: Callable[[Fields], _Item]) -> _Item:
    """Read one object by `read` and refuse members that it left.

    Args:
        value: The object.
        where: What errors call it.
        read: Takes the members out.
    """
    fields = Fields(value, where)
    item = read(fields)
    fields.finish()
    return item
