"""Which URLs name a database."""

import pytest

from daemon.errors import DatabaseUnreachable
from daemon.store.engine import open_engine


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://host/db",
        "postgresql+asyncpg://host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x.db?timeout=soon",
    ],
)
def test_a_url_that_names_no_database_we_can_use_is_refused_with_a_hint(url):
    with pytest.raises(DatabaseUnreachable) as refused:
        open_engine(url)
    assert refused.value.hint


def test_the_password_comes_from_elsewhere_and_is_never_shown():
    engine = open_engine("postgresql://li@db.example/lapseguard", password="s3cret")  # noqa: S106 - made up
    assert engine.url.password == "s3cret"  # noqa: S105 - made up
    assert engine.dialect.driver == "psycopg"
    assert "s3cret" not in repr(engine)
