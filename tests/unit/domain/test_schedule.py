"""Runs on a time line: nothing is used twice, nothing starts too early, and latest starts hold."""

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.domain.filling import Filler, fill, reserve
from daemon.domain.profile import Profile
from daemon.domain.schedule import Block, Capacity, lay_out, mirror

NAMES = "abcdefgh"


@st.composite
def blocks(draw: st.DrawFn, names: str = NAMES, most: int = 8) -> list[Block]:
    return [
        Block(
            rank=rank,
            server=server,
            ready=draw(st.integers(0, 40)),
            length=draw(st.integers(1, 20)),
            rate=draw(st.integers(1, 4)),
            store=draw(st.sampled_from(["main", "other"])),
        )
        for rank, server in enumerate(names[: draw(st.integers(1, most))])
    ]


@st.composite
def under_way(draw: st.DrawFn, capacity: Capacity) -> list[Block]:
    """Runs that began before 0, no more than there is room for."""
    found: list[Block] = []
    for rank in range(draw(st.integers(0, capacity.slots))):
        block = Block(
            rank=rank,
            server=f"busy-{rank}",
            ready=0,
            length=draw(st.integers(1, 30)),
            rate=1,
            store="main",
        )
        found.append(block)
    return found


capacities = st.builds(
    Capacity,
    slots=st.integers(1, 3),
    bandwidth=st.none() | st.integers(4, 8),
    stores=st.just({}) | st.just({"main": 4}),
)
Placed = list[tuple[int, Block]]


def holds(placed: Placed, capacity: Capacity) -> bool:
    """Whether at no moment more is in use than there is."""
    for at, _ in placed:
        now = [block for start, block in placed if start <= at < start + block.length]
        of_main = sum(block.rate for block in now if block.store == "main")
        if (
            len(now) > capacity.slots
            or sum(block.rate for block in now) > (capacity.bandwidth or 1000)
            or of_main > capacity.stores.get("main", 1000)
        ):
            return False
    return True


def placed_of(starts: dict[str, int], given_: list[Block]) -> Placed:
    return [(starts[block.server], block) for block in given_ if block.server in starts]


@settings(max_examples=200, deadline=None)
@given(st.data(), blocks(), capacities)
def test_runs_keep_to_what_there_is_and_start_when_they_are_ready(data, some, capacity):
    busy = data.draw(under_way(capacity))
    starts = lay_out(some, capacity, busy)
    assert set(starts) == {block.server for block in some}
    assert all(starts[block.server] >= block.ready for block in some)
    assert holds([*placed_of(starts, some), *((0, block) for block in busy)], capacity)


@settings(max_examples=200, deadline=None)
@given(st.data(), blocks(), capacities)
def test_latest_starts_leave_what_is_under_way_in_its_place(data, some, capacity):
    """Walking backwards, nothing that starts from now on gets in the way of a run under way."""
    busy = data.draw(under_way(capacity))
    ahead = [_mirrored(block) for block in busy]
    backwards = lay_out([_mirrored(block) for block in some], capacity, ahead=ahead)
    starts = {block.server: mirror(backwards[block.server], block.length) for block in some}
    assert all(starts[block.server] <= block.ready for block in some)
    coming = [entry for entry in placed_of(starts, some) if entry[0] >= 0]
    assert holds([*coming, *((0, block) for block in busy)], capacity)


def _mirrored(block: Block) -> Block:
    """On the time line that runs the other way, where it is ready when it has to have ended."""
    return Block(
        rank=-block.rank,
        server=block.server,
        ready=mirror(block.ready, block.length),
        length=block.length,
        rate=block.rate,
        store=block.store,
    )


def test_beside_a_run_under_way_one_of_two_has_to_start_before_it_ends():
    """Two slots, one of them taken until 12: of two runs due at 14, one starts at 8, one at 11."""
    capacity = Capacity(slots=2)
    runs = [Block(rank=rank, server=name, ready=-14, length=3, rate=1, store="main")
            for rank, name in enumerate("ab")]  # fmt: skip
    ahead = [Block(rank=0, server="busy", ready=-12, length=12, rate=1, store="main")]
    starts = lay_out(runs, capacity, ahead=ahead)
    assert sorted(mirror(start, 3) for start in starts.values()) == [8, 11]


@settings(max_examples=200, deadline=None)
@given(blocks("abcd"), blocks("ijklmnop"), capacities)
def test_routine_runs_take_room_and_never_that_of_firm_ones(firm, routine, capacity):
    starts = lay_out(firm, capacity)
    reserved = reserve(placed_of(starts, firm), (), capacity)
    fillers = [Filler(block=block, firm_at=None, patience=0) for block in routine]
    filled = fill(fillers, reserved, lambda _: None)
    assert set(filled) == {block.server for block in routine}
    assert all(filled[block.server] >= block.ready for block in routine)
    assert holds([*placed_of(starts, firm), *placed_of(filled, routine)], capacity)


@settings(max_examples=100, deadline=None)
@given(blocks("abcd"), capacities)
def test_a_run_may_start_before_its_reserved_moment_and_not_after_it(firm, capacity):
    starts = lay_out(firm, capacity)
    reserved = reserve(placed_of(starts, firm), (), capacity)
    fillers = [
        Filler(
            block=Block(
                rank=block.rank, server=block.server, ready=0, length=block.length,
                rate=block.rate, store=block.store,
            ),
            firm_at=starts[block.server],
            patience=0,
        )
        for block in firm
    ]  # fmt: skip
    filled = fill(fillers, reserved, lambda _: None)
    assert all(filled[server] < starts[server] for server in filled)


uses = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20), st.integers(1, 5)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(uses, st.integers(-5, 60), st.integers(1, 12))
def test_a_profile_finds_the_first_moment_with_so_much_in_use(given_, start, amount):
    profile = Profile((begin, begin + length, much) for begin, length, much in given_)

    def level(moment: int) -> int:
        return sum(much for begin, length, much in given_ if begin <= moment < begin + length)

    expected = next((at for at in range(start, 80) if level(at) >= amount), None)
    assert profile.first_at_least(start, amount) == expected
    assert profile.at(start) == level(start)
    assert profile.peak(start, start + amount) == max(
        level(at) for at in range(start, start + amount)
    )
