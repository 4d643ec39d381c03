"""Profiles as text, with what follows from them for what is in reach."""

from tests.benchmarks.capture.contestants import RsyncThenRestic, Step
from tests.benchmarks.capture.markdown import fenced, megabytes, ratio, source, table
from tests.benchmarks.capture.ours import Lapseguard
from tests.benchmarks.capture.profile import OWN, PROGRAMS, UNSEEN
from tests.benchmarks.capture.record import Profile, Report, Side

_LEAST_LAP = 0.02


def profile_lines(report: Report) -> list[str]:
    """Each case with its programs, laps and functions."""
    steps = tuple(Step)
    profiles = sorted(report.profiles, key=lambda each: steps.index(each.step))
    found = [line for each in profiles for line in _one(each, report.machine.cores)]
    origins = dict.fromkeys(source(each.origin) for each in profiles)
    return ["## Where the time goes", "", _LEGEND, "", *found, *origins, ""] if found else []


_LEGEND = (
    "Runs of their own, watched every 50 ms, which makes them a little slower. Peak memory is"
    " that of all processes of a contestant together. What ended between two looks is *not"
    " seen* and belongs to any of the programs before it; *own* is lapseguard's or restic's"
    " process. Functions are sampled by py-spy 200 times a second and thread while they run,"
    " waiting left out; native code (hashes, compression, encryption) counts for the Python"
    " function that calls it."
)


def _one(profile: Profile, cores: int) -> list[str]:
    title = f"### {profile.tree[0].upper()}{profile.tree[1:]}, {profile.step.value}"
    return [
        *(title, "", *_programs(profile.sides), "", _limit(profile, cores), ""),
        *("By step of ours:", "", *_laps(profile), ""),
        *(("Our dearest functions:", "", *_spots(profile), "") if profile.spots else ()),
    ]


def _programs(sides: tuple[Side, ...]) -> list[str]:
    rows = [
        (
            f"{side.contestant}, CPU s",
            *(f"{dict(side.programs).get(name, 0.0):.2f}" for name in PROGRAMS),
            f"{spent(side):.2f}",
            f"{side.seconds:.2f}",
            megabytes(side.peak.everything),
        )
        for side in sides
    ]
    return table(("", *PROGRAMS, "all", "on the wall", "peak MB"), rows)


def spent(side: Side) -> float:
    """Processor seconds of everything."""
    return sum(seconds for _, seconds in side.programs)


def without_own(side: Side, cores: int) -> float:
    """Seconds that the other programs alone would keep all cores busy."""
    used = dict(side.programs)
    return (spent(side) - used.get(OWN, 0.0) - used.get(UNSEEN, 0.0)) / cores


def _limit(profile: Profile, cores: int) -> str:
    sides = {side.contestant: side for side in profile.sides}
    ours, theirs = sides.get(Lapseguard.name), sides.get(RsyncThenRestic.name)
    if ours is None or theirs is None or not spent(ours):
        return ""
    busy = spent(ours) / ours.seconds
    own = dict(ours.programs).get(OWN, 0.0) / spent(ours)
    least = without_own(ours, cores)
    return (
        f"Ours keeps {busy:.2f} of {cores} cores busy, {theirs.contestant}"
        f" {spent(theirs) / theirs.seconds:.2f}. Of our processor time {own:.0%} is our own; if"
        f" that took none, the others would still keep {cores} cores busy for {least:.2f} s,"
        f" {ratio(least / theirs.seconds)} of {theirs.contestant}. All processor time of ours to"
        f" that of {theirs.contestant}: {ratio(spent(ours) / spent(theirs))}."
    )


def _laps(profile: Profile) -> list[str]:
    laps = [each for each in profile.laps if each.seconds >= _LEAST_LAP]
    rows = [
        (each.name, f"{each.seconds:.2f}", f"{each.ours:.2f}", f"{each.others:.2f}")
        for each in laps
    ]
    return table(("from this event of the log on", "s", "own CPU s", "others' CPU s"), rows)


def _spots(profile: Profile) -> list[str]:
    lines = [f"{each.itself:6.1%} {each.below:6.1%}  {each.place}" for each in profile.spots]
    return fenced(("itself below  function", *lines))
