"""The latest start of each run that has to happen, walking back from the deadlines."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from daemon.domain.need import Need
from daemon.domain.schedule import Block, Capacity, lay_out, length_of, mirror, to_instant, to_ticks


def latest_starts(
    blocks: Sequence[Block], capacity: Capacity, busy: Sequence[Block] = ()
) -> dict[str, datetime]:
    """The latest starts with which all of them end by their deadlines, by server.

    The time line is walked backwards: of what may run at a moment, that with the latest deadline
    comes first, and so each ends as late as the others let it. Without runs under way it depends on
    contracts, estimates and limits only, not on the present nor on copies.

    Args:
        blocks: Runs that have to happen, each as `backwards` tells it.
        capacity: What they share.
        busy: Runs under way. They keep what they have until they end.
    """
    starts = lay_out(blocks, capacity, ahead=_mirrored(busy))
    return {
        block.server: to_instant(mirror(starts[block.server], block.length)) for block in blocks
    }


def backwards(need: Need, place: int) -> Block:
    """The run that has to happen, on the time line that runs the other way.

    Args:
        need: The server.
        place: Where it stands in the order of deadlines.
    """
    return Block(
        rank=-place,
        server=need.outlook.server,
        ready=-to_ticks(need.final_by),
        length=length_of(need.firm.high),
        rate=need.firm.rate,
        store=need.outlook.store,
    )


def _mirrored(busy: Sequence[Block]) -> list[Block]:
    return [replace(each, ready=mirror(each.ready, each.length)) for each in busy]
