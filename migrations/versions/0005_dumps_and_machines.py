"""Databases that are dumped, the machine at the provider, and how long a hook may take."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring a database of the revision before to this one; known servers stay as they are."""
    for column in (
        sa.Column("hook_timeout", sa.Integer, nullable=False, server_default="300"),
        sa.Column("dumps", sa.Text, nullable=False, server_default="[]"),
        sa.Column("machine", sa.Text),
    ):
        op.add_column("servers", column)
