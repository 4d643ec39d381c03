"""Instants and lists survive the database, and naive times do not get in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, create_engine, insert, select
from sqlalchemy.exc import StatementError

from daemon.store.columns import TextTuple, UtcDateTime

TABLE = Table("t", MetaData(), Column("at", UtcDateTime), Column("words", TextTuple))
OFFSETS = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=OFFSETS)  # noqa: DTZ001 - bounds of a strategy
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def stored(**values):
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            TABLE.create(connection)
            connection.execute(insert(TABLE).values(**values))
            row = connection.execute(select(TABLE)).one()
    finally:
        engine.dispose()
    return row


@given(INSTANTS)
def test_an_instant_comes_back_as_the_same_instant_in_utc(at):
    read = stored(at=at).at
    assert read == at
    assert read.tzinfo is UTC


def test_a_naive_time_is_refused():
    with pytest.raises(StatementError, match="no UTC offset"):
        stored(at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the story


@given(st.lists(TEXTS).map(tuple))
def test_texts_come_back_in_their_order(words):
    assert stored(words=words).words == words


def test_nothing_stays_nothing():
    assert tuple(stored()) == (None, None)
