"""How far runs under way are."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring a database of the revision before to this one, keeping its rows."""
    op.create_table(
        "progress",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        *(
            sa.Column(f"{what}_{unit}", sa.BigInteger, nullable=False)
            for what in ("arrived", "stored", "safe")
            for unit in ("files", "bytes")
        ),
        sa.Column("read_bytes", sa.BigInteger, nullable=False),
        sa.Column("rate", sa.BigInteger, nullable=False),
        sa.Column("expected_bytes", sa.BigInteger),
        sa.Column("finish_by", _INSTANT),
        sa.PrimaryKeyConstraint("run", name="pk_progress"),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_progress_run_runs"),
    )
