"""How servers are frozen while they are captured."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring a database of the revision before to this one; known servers are read live as ever."""
    for column in (
        sa.Column("snapshot", sa.Text, nullable=False, server_default="none"),
        sa.Column("snapshot_required", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("before_capture", sa.Text, nullable=False, server_default="[]"),
        sa.Column("after_capture", sa.Text, nullable=False, server_default="[]"),
        sa.Column("freeze_command", sa.Text, nullable=False, server_default="[]"),
        sa.Column("thaw_command", sa.Text, nullable=False, server_default="[]"),
    ):
        op.add_column("servers", column)
