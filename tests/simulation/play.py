"""Plays the world of a seed from its beginning to its end."""

from collections.abc import Mapping
from functools import cache

from daemon.domain.preset import Preset
from daemon.presets.catalogue import load_catalogue
from tests.simulation.drawing import draw_scenario
from tests.simulation.ledger import Ledger
from tests.simulation.outcome import Record
from tests.simulation.recall import recollection
from tests.simulation.scenario import Scenario
from tests.simulation.world import Chooser, World
from tests.simulation.zones import own_country


@cache
def all_presets() -> Mapping[str, Preset]:
    """The product's own presets, by name."""
    return {preset.name: preset for preset in load_catalogue().all()}


def draw(seed: str, kind: str | None = None) -> Scenario:
    """The world of a seed, of a certain kind if wanted."""
    with own_country():
        return draw_scenario(seed, all_presets(), kind=kind)


def play(scenario: Scenario, chooser: Chooser) -> Record:
    """Let a world happen under somebody's decisions."""
    with own_country(), recollection():
        presets = all_presets()
        return World(scenario, chooser, presets, Ledger(presets)).play()
