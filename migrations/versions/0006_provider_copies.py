"""Snapshots that providers made of their own disks."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring a database of the revision before to this one; there are no such copies yet."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "provider_copies",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("provider", sa.Text),
        sa.Column("account", sa.Text),
        sa.Column("region", sa.Text),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", instant, nullable=False),
        sa.Column("begun_at", instant),
        sa.Column("looked_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("deleted_at", instant),
        sa.Column("progress", sa.Integer, nullable=False),
        sa.Column("volumes", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("error_hint", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", instant, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_provider_copies"),
        sa.UniqueConstraint("server", "number", name="uq_provider_copies_server_number"),
    )
    op.create_index(
        "uq_provider_copies_unfinished_server",
        "provider_copies",
        ["server"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
