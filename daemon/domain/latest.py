"""The latest start of each run that has to happen, walking back from the deadlines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from daemon.domain.need import Need
from daemon.domain.schedule import Block, Capacity, lay_out, length_of, mirror, to_instant, to_ticks


def latest_starts(
    needs: Iterable[Need],
    capacity: Capacity,
    places: Mapping[str, int],
    busy: Sequence[Block] = (),
) -> dict[str, datetime]:
    """The latest starts with which all of them end by their deadlines, by server.

    The time line is walked backwards: of what may run at a moment, that with the latest deadline
    comes first, and so each ends as late as the others let it. Without runs under way it depends on
    contracts, estimates and limits only, not on the present nor on copies.

    Args:
        needs: Servers for which a run has to happen.
        capacity: What they share.
        places: Where each server stands in the order of deadlines.
        busy: Runs under way. They keep what they have until they end.
    """
    blocks = [
        Block(
            rank=-places[need.outlook.server],
            server=need.outlook.server,
            ready=-to_ticks(need.final_by),
            length=length_of(need.firm.high),
            rate=need.firm.rate,
            store=need.outlook.store,
        )
        for need in needs
    ]
    lengths = {block.server: block.length for block in blocks}
    return {
        server: to_instant(mirror(start, lengths[server]))
        for server, start in lay_out(blocks, capacity, ahead=_mirrored(busy)).items()
    }


def _mirrored(busy: Sequence[Block]) -> list[Block]:
    return [replace(each, ready=mirror(each.ready, each.length)) for each in busy]
