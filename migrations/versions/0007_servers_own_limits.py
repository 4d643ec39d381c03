"""A server's own bandwidth by the time of the day, and what staging keeps of it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Bring a database of the revision before to this one; known servers stay as they are."""
    op.add_column("servers", sa.Column("rates", sa.Text, nullable=False, server_default="[]"))
    op.add_column("servers", sa.Column("staging", sa.Text))
