"""What is said of a server follows from its contracts and from proven copies alone."""

from datetime import timedelta

from daemon.domain.contract import ContractState, Expiry
from daemon.domain.history import HistoryRow
from daemon.domain.run import RunState
from daemon.domain.status import Verdict, ending_of, server_status
from daemon.domain.verification import Depth, Outcome
from tests.factories import NOW, a_contract, a_run, a_server, a_verification, digest

LATER = NOW + timedelta(hours=6)


def a_copy(run: str, hours: int, outcome: Outcome | None = Outcome.PASSED) -> HistoryRow:
    """A verified run that began so many hours after NOW."""
    began = NOW + timedelta(hours=hours)
    return HistoryRow(
        run=a_run(
            run=run,
            state=RunState.VERIFIED,
            started_at=began,
            finished_at=began + timedelta(minutes=30),
            snapshot=digest("snapshot"),
            manifest_sha256=digest("manifest"),
        ),
        verification=None
        if outcome is None
        else a_verification(run=run, outcome=outcome, depth=Depth.HASHED),
    )


OLD, NEW = "20261123T070101Z-aaaaaa", "20261123T090101Z-bbbbbb"


def test_a_copy_is_as_old_as_the_beginning_of_its_run() -> None:
    status = server_status(a_server(), [a_contract()], [a_copy(OLD, 1), a_copy(NEW, 3)], LATER)
    assert status.newest_verified is not None
    assert status.newest_verified.run == NEW
    assert status.newest_verified.depth is Depth.HASHED
    assert status.age(LATER) == timedelta(hours=3)
    assert status.verdict is Verdict.OK
    assert status.reasons == ()


def test_a_copy_that_failed_a_later_look_does_not_count() -> None:
    history = [a_copy(OLD, 1), a_copy(NEW, 3, Outcome.FAILED)]
    status = server_status(a_server(), [a_contract()], history, LATER)
    assert status.newest_verified is not None
    assert status.newest_verified.run == OLD


def test_without_evidence_there_is_no_copy() -> None:
    partial = HistoryRow(
        run=a_run(state=RunState.PARTIAL, finished_at=NOW), verification=a_verification()
    )
    status = server_status(a_server(), [a_contract()], [a_copy(OLD, 1, None), partial], LATER)
    assert status.newest_verified is None
    assert status.verdict is Verdict.NONE
    assert status.reasons == ("There is no verified copy.",)


def test_the_contract_that_ends_first_counts() -> None:
    contracts = [
        a_contract(name="late", expiry=Expiry(text="2027-06-30")),
        a_contract(name="early", expiry=Expiry(text="2027-01-31")),
        a_contract(name="other", expiry=Expiry(text="2026-12-01"), servers=("web-9",)),
        a_contract(
            name="closed",
            expiry=Expiry(text="2026-12-01"),
            state=ContractState.CLOSED,
            closed_at=NOW,
        ),
    ]
    status = server_status(a_server(), contracts, [], NOW)
    assert status.contract is not None
    assert status.contract.name == "early"


def test_no_contract_and_an_expired_one_are_said() -> None:
    without = server_status(a_server(), [], [], NOW)
    assert without.expires is None
    assert "nothing says when it stops" in without.reasons[0]
    expired = a_contract(expiry=Expiry(text="2026-11-01", timezone="UTC"))
    past = server_status(a_server(), [expired], [], NOW)
    assert "The contract has expired." in past.reasons
    assert (past.left(NOW) or timedelta()) < timedelta()


def test_a_zone_that_this_machine_does_not_know_hides_nothing() -> None:
    contract = a_contract(expiry=Expiry(text="2026-12-31", timezone="Mars/Olympus"))
    earliest = a_contract(expiry=Expiry(text="2026-12-31")).expiry.instant()
    assert ending_of(contract)[0] == earliest
    status = server_status(a_server(), [contract], [], NOW)
    assert status.expires == earliest
    assert "earliest instant on earth is assumed" in status.reasons[0]


def test_the_next_to_stop_is_on_top_and_the_unknown_at_the_end() -> None:
    soon = server_status(a_server(), [a_contract()], [], NOW)
    unknown = server_status(a_server(name="a-1"), [], [], NOW)
    assert sorted([unknown, soon], key=lambda each: each.urgency) == [soon, unknown]
