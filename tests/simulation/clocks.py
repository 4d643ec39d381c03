"""What clocks show while they are wrong."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tests.simulation.scenario import Step


def offset(steps: Iterable[Step], at: datetime) -> timedelta:
    """How much too much a clock shows at a true instant."""
    wrong = timedelta()
    for step in steps:
        if step.during.begin <= at < step.during.end:
            part = (at - step.during.begin) / step.during.length if step.drift else 1.0
            wrong += step.by * part
    return wrong
