"""Courses of all kinds, for tests of what is true of each."""

from datetime import timedelta

from hypothesis import strategies as st

from daemon.domain.phase import Course, Phase

WORDS = st.text(st.characters(whitelist_categories=("Ll", "Nd")), min_size=1, max_size=8)
STARTS = st.integers(-40 * 86_400, 400 * 86_400).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """A course of one to six phases."""
    starts = sorted(draw(st.sets(STARTS, min_size=1, max_size=6)))
    phases = [
        Phase(
            name=draw(WORDS),
            start=start,
            ssh=draw(st.booleans()),
            snapshot=draw(st.booleans()),
            renewal=draw(st.booleans()),
        )
        for start in starts[:-1]
    ]
    return Course(phases=(*phases, Phase(name=draw(WORDS), start=starts[-1], data=False)))
