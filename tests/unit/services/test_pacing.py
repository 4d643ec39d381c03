"""What runs are given of the line, and how it follows the clock and the settings."""

from datetime import UTC, datetime, time

from daemon.domain.bandwidth import Bandwidth, Stretch
from daemon.services.pacing import Pacing

MIB = 1 << 20
OFFICE = Bandwidth(
    stretches=(Stretch(begin=time(8), rate=2 * MIB), Stretch(begin=time(18), rate=20 * MIB))
)
NIGHTS_FREE = Bandwidth(
    stretches=(Stretch(begin=time(6), rate=4 * MIB), Stretch(begin=time(22), rate=None))
)


class Hands:
    """A clock whose hands are set."""

    def __init__(self) -> None:
        self.at(9)

    def at(self, hour: int) -> None:
        self.instant = datetime(2026, 5, 1, hour, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return 0.0

    def wait(self, *_: object) -> bool:
        return False


def test_a_run_of_its_own_has_what_there_is_at_that_time() -> None:
    clock = Hands()
    rate = Pacing(clock, OFFICE, {"main": NIGHTS_FREE}).pull_rate("main")

    assert rate() == 2 * MIB
    clock.at(19)
    assert rate() == 4 * MIB
    clock.at(23)
    assert rate() == 20 * MIB


def test_a_share_grows_and_shrinks_as_the_whole_does() -> None:
    clock = Hands()
    rate = Pacing(clock, OFFICE, {}).pull_rate("main", MIB // 2)

    assert rate() == MIB // 2
    clock.at(19)
    assert rate() == 5 * MIB


def test_a_share_of_what_is_unlimited_is_unlimited() -> None:
    clock = Hands()
    rate = Pacing(clock, None, {"main": NIGHTS_FREE}).pull_rate("main", MIB)

    clock.at(23)

    assert rate() is None


def test_new_settings_hold_for_runs_under_way() -> None:
    pacing = Pacing(Hands(), OFFICE, {})
    rate, buckets = pacing.pull_rate("main"), pacing.uploads("main")

    pacing.change(Bandwidth.constant(MIB), {"main": Bandwidth.constant(MIB // 4)})
    for bucket in buckets:
        bucket.spend(MIB)

    assert rate() == MIB // 4
    assert [bucket.due() for bucket in buckets] == [1.0, 4.0]


def test_what_goes_to_stores_leaves_other_hosts_their_part() -> None:
    pacing = Pacing(Hands(), Bandwidth.constant(4 * MIB), {"main": Bandwidth.constant(MIB)})
    buckets = pacing.uploads("main")

    pacing.share(0.5)
    for bucket in buckets:
        bucket.spend(MIB)

    assert [bucket.due() for bucket in buckets] == [0.5, 2.0]
    assert pacing.pull_rate("main", MIB)() == MIB


def test_all_runs_that_write_to_a_store_share_its_limit_and_others_do_not() -> None:
    pacing = Pacing(Hands(), None, {"main": Bandwidth.constant(MIB)})

    pacing.uploads("main")[-1].spend(MIB)

    assert max(bucket.due() for bucket in pacing.uploads("main")) == 1.0
    assert max(bucket.due() for bucket in pacing.uploads("other")) == 0.0
