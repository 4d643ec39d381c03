"""SQLite is not taken at its word."""

import sqlite3

import pytest

from daemon.store.errors import DatabaseUnfit
from daemon.store.sqlite import set_pragma


def test_a_setting_that_sqlite_does_not_take_is_noticed():
    connection = sqlite3.connect(":memory:")  # which keeps its journal in memory, whatever is said
    with pytest.raises(DatabaseUnfit, match="journal_mode = memory, not truncate"):
        set_pragma(connection, "journal_mode", "TRUNCATE", "truncate")
    connection.close()
