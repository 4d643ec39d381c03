"""Chance that can be repeated: every stream follows from a seed and from what it is drawn for."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


def stream(*purpose: object) -> random.Random:
    """A stream of its own for each purpose: what one draws never changes what another does."""
    words = "/".join(str(word) for word in purpose)
    return random.Random(words)  # noqa: S311 - a simulation must be repeatable, not secret


def between(chance: random.Random, least: timedelta, most: timedelta) -> timedelta:
    """A length of time, to the second."""
    return timedelta(seconds=int(chance.uniform(least.total_seconds(), most.total_seconds())))


def one_of(chance: random.Random, weighed: Sequence[tuple[float, T]]) -> T:
    """One of several, by weight."""
    return chance.choices([what for _, what in weighed], [weight for weight, _ in weighed])[0]


def happens(chance: random.Random, probability: float) -> bool:
    """Whether something of this probability comes to pass."""
    return chance.random() < probability
