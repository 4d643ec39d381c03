"""What Alembic runs. The connection is given: see `daemon.store.migration`.

A new revision: write `versions/NNNN_what_it_does.py` from `script.py.mako`, add NNNN to
`daemon.store.schema.REVISIONS`, change `daemon.store.tables` to match. Add columns and tables
first; take old ones away one release later, so that the program before still finds them.
"""

from alembic import context

from daemon.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    # SQLite cannot alter a table in place.
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
# Within the transaction that the caller has begun, and ends.
with context.begin_transaction():
    context.run_migrations()
