"""Reads the provider facts that are shipped with the program.

Each file `NAME.toml` beside this module is one preset. It is read when it is asked for, and once
in the life of a process. Whatever a file holds beyond what is known here is an error, so a slip of
the pen cannot become a wrong deadline.
"""

import difflib
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from daemon.domain.duration import read_duration
from daemon.domain.phase import Course, Phase
from daemon.domain.preset import Confidence, Preset, RenewalBasis
from daemon.domain.provider import same_provider
from daemon.errors import InvalidValue, NotFound

_SUFFIX: Final = ".toml"
#: Key → the type that its value must have; all but the last two are needed.
_PRESET_KEYS: Final[Mapping[str, type]] = {
    "provider": str,
    "product": str,
    "sources": list,
    "checked": date,
    "confidence": str,
    "note": str,
    "phases": list,
    "renewal_from": str,
    "timezone": str,
}
_PRESET_NEEDS: Final = frozenset(_PRESET_KEYS) - {"renewal_from", "timezone"}
_PHASE_KEYS: Final[Mapping[str, type]] = {
    "name": str,
    "start": str,
    "ssh": bool,
    "snapshot": bool,
    "renewal": bool,
    "data": bool,
}
_PHASE_NEEDS: Final = frozenset({"name", "start"})


class Catalogue:
    """Presets by name.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Traversable) -> None:
        self._folder = folder
        self._read: dict[str, Preset] = {}

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all presets, sorted; nothing is read for them."""
        found = (entry.name for entry in self._folder.iterdir())
        return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))

    def get(self, name: str) -> Preset:
        """The preset of that name.

        Raises:
            NotFound: there is none; the nearest is named.
            InvalidValue: its file is not as it must be; the file and the key are named.
        """
        if name in self._read:
            return self._read[name]
        if name not in self.names:
            near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.5)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise NotFound(
                f"There is no preset {name!r}.",
                hint=f"{meant}`lapseguard preset list` has them all.",
            )
        text = (self._folder / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
        return self._read.setdefault(name, read_preset(name, text))

    def find(self, name: str | None) -> Preset | None:
        """The preset of that name; None where there is none, or no name.

        A contract may name one that only another version of the program knows.

        Raises:
            InvalidValue: see `get`.
        """
        if name is None or (name not in self._read and name not in self.names):
            return None
        return self.get(name)

    def all(self) -> tuple[Preset, ...]:
        """Every preset, by name. Raises InvalidValue, see `get`."""
        return tuple(self.get(name) for name in self.names)

    def of_provider(self, provider: str) -> tuple[Preset, ...]:
        """The presets of a provider's products, by whatever name it goes."""
        return tuple(preset for preset in self.all() if same_provider(preset.provider, provider))


@functools.cache
def load_catalogue() -> Catalogue:
    """The presets of this program; the same catalogue each time."""
    return Catalogue(files(__package__))


def read_preset(name: str, text: str) -> Preset:
    """The preset that the text of the file `NAME.toml` describes.

    Raises:
        InvalidValue: it is not TOML, a key is unknown, missing or of the wrong type, or a value
            is impossible.
    """
    table = _Table(place=f"{name}{_SUFFIX}", values=_parse(name, text))
    table.check(_PRESET_KEYS, _PRESET_NEEDS)
    try:
        return _preset(name, table)
    except InvalidValue as error:
        raise InvalidValue(f"{table.place}: {error}", hint=error.hint) from error


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidValue(f"{name}{_SUFFIX} is not TOML: {error}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One table of a file; `place` says where it is, for messages."""

    place: str
    values: Mapping[str, Any]

    def check(self, known: Mapping[str, type], needed: frozenset[str]) -> None:
        """Raise InvalidValue unless all keys are known, of their type, and all needed are there."""
        for key, value in self.values.items():
            if key not in known:
                raise InvalidValue(f"{self.place} has the unknown key `{key}`.")
            # A date and time is a date, and true is a number, to isinstance.
            if type(value) is not known[key]:
                kind = known[key].__name__
                raise InvalidValue(f"{self.place}: `{key}` must be of the type {kind}.")
        for key in sorted(needed - self.values.keys()):
            raise InvalidValue(f"{self.place} has no `{key}`.")

    def word(self, key: str, words: type[Confidence] | type[RenewalBasis]) -> Any:  # noqa: ANN401 - a member of `words`
        """The member of an enum that a key names."""
        try:
            return words(self.values[key])
        except ValueError as error:
            known = ", ".join(word.value for word in words)
            raise InvalidValue(f"`{key}` must be one of {known}.") from error


def _preset(name: str, table: _Table) -> Preset:
    values = table.values
    basis = (
        table.word("renewal_from", RenewalBasis)
        if "renewal_from" in values
        else RenewalBasis.UNKNOWN
    )
    return Preset(
        name=name,
        provider=values["provider"],
        product=values["product"],
        course=_course(table),
        renewal_from=basis,
        timezone=values.get("timezone"),
        sources=_texts(values["sources"]),
        checked=values["checked"],
        confidence=table.word("confidence", Confidence),
        note=" ".join(values["note"].split()),
    )


def _course(table: _Table) -> Course:
    phases = []
    for place, values in enumerate(table.values["phases"], start=1):
        if not isinstance(values, dict):
            raise InvalidValue("`phases` must be tables.")
        phase = _Table(place=f"phase {place}", values=values)
        phase.check(_PHASE_KEYS, _PHASE_NEEDS)
        works = {key: value for key, value in values.items() if key != "start"}
        phases.append(Phase(**works, start=read_duration(values["start"])))
    return Course(phases=tuple(phases))


def _texts(values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) and value for value in values):
        raise InvalidValue("`sources` must be texts that are not empty.")
    return tuple(values)
