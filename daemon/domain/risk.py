"""What speaks against a server being safe, and what else a person should know: a rule each.

Every rule looks at one thing only and never takes another one's word back. So a verdict is the
gravest of them, and a worse fact never makes a better verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.domain.copy_risk import copy_sentences, is_kept_elsewhere
from daemon.domain.duration import span
from daemon.domain.instant import shift, write_second
from daemon.domain.need import TOLERATED_AHEAD
from daemon.domain.outlook import Attempt, Outlook, VerifiedCopy
from daemon.domain.phase import Timeline
from daemon.domain.plan import PlannedRun, Reason
from daemon.domain.run import TOLD_TO_END
from daemon.domain.situation import Situation
from daemon.domain.standing import host_of
from daemon.domain.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One thing that was found.

    Attributes:
        verdict: How grave it is by itself; SAFE for what is only to be known.
        sentence: It, in words and figures.
    """

    verdict: Verdict
    sentence: str


def find_risks(situation: Situation) -> Iterator[Risk]:
    """Everything that is to be said of a server, in the order in which a person wants it."""
    outlook, timeline = situation.outlook, situation.timeline
    if timeline is None:
        yield from _without_end(outlook)
        return
    if situation.has_stopped:
        yield from _after_the_stop(situation, timeline)
    else:
        yield from _before_the_stop(situation, timeline)
    if outlook.copy is not None:
        yield from _shallow(situation, outlook.copy)
        yield from _same_fate(outlook)
    yield from map(_known, copy_sentences(situation))
    if outlook.acknowledged:
        yield _known(outlook.acknowledged)
    yield from map(_known, outlook.life.doubts if outlook.life else ())


def _known(sentence: str) -> Risk:
    return Risk(verdict=Verdict.SAFE, sentence=sentence)


def _at_risk(sentence: str) -> Risk:
    return Risk(verdict=Verdict.AT_RISK, sentence=sentence)


def _late(sentence: str) -> Risk:
    return Risk(verdict=Verdict.LATE, sentence=sentence)


def _without_end(outlook: Outlook) -> Iterator[Risk]:
    if outlook.closed is None:
        yield _at_risk("No contract names this server, so nothing says when it stops.")
    elif outlook.copy is None:
        yield _at_risk(
            f"Its contract is closed ({outlook.closed}), and there is no verified copy. "
            "Remove the server if nothing of it is needed."
        )
    else:
        yield _known(f"Its contract is closed ({outlook.closed}): nothing more is planned.")


def _before_the_stop(situation: Situation, timeline: Timeline) -> Iterator[Risk]:
    if timeline.expires <= situation.now:
        yield _known("The contract has expired; the server still runs.")
    yield from _copy_too_old(situation, timeline)
    yield from _little_slack(situation, timeline)
    if situation.planned is not None:
        yield from _does_not_fit(situation.planned)
    yield from _attempts(situation)


def _copy_too_old(situation: Situation, timeline: Timeline) -> Iterator[Risk]:
    age, left = situation.age, timeline.stop_at - situation.now
    if age is None:
        first = shift(timeline.stop_at, -situation.policy.seed)
        due = "is due" if first <= situation.now else f"is due on {write_second(first)}"
        yield _at_risk(f"There is no verified copy; the first {due}.")
        return
    if age < -TOLERATED_AHEAD:
        yield _at_risk(f"The newest copy is dated {span(-age)} ahead: a clock was wrong.")
        return
    rung = situation.policy.rung(left)
    if rung is None or age <= rung.every:
        return
    sentence = f"The newest copy is {span(age)} old; by now none may be older than "
    sentence += f"{span(rung.every)}"
    if situation.is_running and age <= 2 * rung.every:
        yield _known(f"{sentence}, and the next one is being made.")
    else:
        yield _at_risk(f"{sentence}.")


def _little_slack(situation: Situation, timeline: Timeline) -> Iterator[Risk]:
    slack, latest = situation.slack, situation.latest_safe_start
    if slack is None or latest is None or not _needs_last_run(situation, timeline):
        return
    if slack >= situation.policy.slack:
        return
    if slack >= timedelta():
        yield _at_risk(f"The last run has to start within {span(slack)}.")
    elif _began_in_time(situation, latest, timeline):
        yield _at_risk("The last run is under way; it began in time.")
    else:
        yield _late(
            f"The latest safe start was {span(-slack)} ago, on {write_second(latest)}, "
            "and no copy has begun since that stands verified."
        )


def _needs_last_run(situation: Situation, timeline: Timeline) -> bool:
    if situation.has_final_copy:
        return False
    if situation.policy.final or situation.credible_copy is None:
        return True
    # Without a timed last run the ladder alone decides what is young enough at the stop.
    newest_wanted = shift(timeline.stop_at, -situation.policy.ladder[-1].every)
    return situation.credible_copy.at < newest_wanted


def _began_in_time(situation: Situation, latest: datetime, timeline: Timeline) -> bool:
    attempt = situation.outlook.attempt
    if attempt is None or not situation.is_running:
        return False
    in_time = (situation.final_from or latest) <= attempt.started_at <= latest
    return in_time and situation.now <= shift(timeline.stop_at, -situation.policy.margin)


def _does_not_fit(planned: PlannedRun) -> Iterator[Risk]:
    demand = planned.demand
    if planned.feasible or demand.reason is Reason.RESCUE:
        return
    what = " ".join(
        (
            f"The next run ({demand.reason.value}) is expected to end {span(planned.misses_by)}",
            f"after it has to.{_remedies(planned)}",
        )
    )
    in_time = shift(demand.finish_by, planned.misses_by) <= demand.final_by
    yield _at_risk(what) if in_time else _late(what)


def _remedies(planned: PlannedRun) -> str:
    if not planned.remedies:
        return ""
    return f" What would help: {'; '.join(each.rstrip('.') for each in planned.remedies)}."


def _attempts(situation: Situation) -> Iterator[Risk]:
    attempt = situation.outlook.attempt
    if attempt is None:
        return
    if attempt.finished_at is None:
        yield from _under_way(situation, attempt)
    elif attempt.failures:
        times = "attempt" if attempt.failures == 1 else f"{attempt.failures} attempts"
        why = f": {attempt.error.message}" if attempt.error else "."
        yield _at_risk(f"The newest {times} saved nothing complete{why}")
    elif attempt.error is not None and attempt.error.code in TOLD_TO_END:
        yield _known(f"The newest run was ended before it was complete: {attempt.error.message}")


def _under_way(situation: Situation, attempt: Attempt) -> Iterator[Risk]:
    since = span(situation.now - attempt.started_at)
    if situation.is_running:
        host, until = host_of(attempt.owner), write_second(attempt.lease_until)
        yield _known(
            f"The run {attempt.run} has been under way for {since}; {host} holds it until {until}, "
            "and longer if it is heard of by then."
        )
    else:
        yield _at_risk(
            f"Nothing was heard of the run {attempt.run} since {write_second(attempt.lease_until)}."
        )


def _after_the_stop(situation: Situation, timeline: Timeline) -> Iterator[Risk]:
    released = timeline.release_at <= situation.now
    if released:
        yield _known(f"The data was to be destroyed on {write_second(timeline.release_at)}.")
    else:
        yield _known(
            f"It was to stop on {write_second(timeline.stop_at)}; its data is destroyed on "
            f"{write_second(timeline.release_at)}."
        )
    copy = situation.outlook.copy
    if copy is None:
        yield from _stopped_unsaved(situation, timeline)
        return
    if situation.credible_copy is None:
        yield _at_risk("The newest copy is dated ahead: a clock was wrong.")
    unsaved = timeline.stop_at - copy.at
    if unsaved <= timedelta():
        return
    what = f"What changed in the last {span(unsaved)} before the stop is not in the newest copy."
    if copy.at >= _old_enough_at_stop(situation, timeline):
        yield _known(what)
    elif is_kept_elsewhere(situation, _old_enough_at_stop(situation, timeline)):
        yield _at_risk(f"{what} It may be in a provider snapshot, which nobody has verified.")
    elif released:
        yield Risk(verdict=Verdict.LOST, sentence=f"{what} It is lost.")
    else:
        yield _late(f"{what} It is lost unless the server answers again.")


def _stopped_unsaved(situation: Situation, timeline: Timeline) -> Iterator[Risk]:
    phase = timeline.phase(situation.now)
    if phase.ssh:
        yield _late("There is no verified copy; the server should answer again: save it now.")
        return
    if is_kept_elsewhere(situation, _old_enough_at_stop(situation, timeline)):
        yield _at_risk("There is no verified copy, only a provider snapshot.")
        return
    what = "There is no verified copy, and the server has stopped."
    if phase.renewal:
        what += " A renewal may bring it back: renew it, then record that."
    yield Risk(verdict=Verdict.LOST, sentence=what)


def _old_enough_at_stop(situation: Situation, timeline: Timeline) -> datetime:
    """The oldest beginning of a copy that is good enough once the server has stopped."""
    by_ladder = shift(timeline.stop_at, -situation.policy.ladder[-1].every)
    return min(by_ladder, situation.final_from or by_ladder)


def _shallow(situation: Situation, copy: VerifiedCopy) -> Iterator[Risk]:
    wanted = situation.policy.depth
    if copy.depth < wanted:
        yield _at_risk(
            f"The newest copy was verified as {copy.depth.value} only; "
            f"{wanted.value} is asked for: lapseguard verify {copy.run} --depth {wanted.value}"
        )


def _same_fate(outlook: Outlook) -> Iterator[Risk]:
    for sentence in outlook.same_fate:
        if outlook.fate_accepted:
            yield _known(f"{sentence.rstrip('.')}; this was accepted.")
        else:
            yield _at_risk(sentence)
