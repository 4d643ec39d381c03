"""What planning reads: labels, values, phases, decisions, standings, and who shares the fleet."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring a database of the revision before to this one, keeping its rows.

    Standings are worked out from the history, so whoever upgrades has them computed afterwards.
    """
    _extend_registry()
    _extend_runs()
    _create_acknowledgements()
    _create_standings()
    _create_claims()


def _extend_registry() -> None:
    for column in (
        sa.Column("labels", sa.Text, nullable=False, server_default="[]"),
        sa.Column("value", sa.Integer, nullable=False, server_default="0"),
        sa.Column("priority", sa.Text, nullable=False, server_default="[]"),
        sa.Column("bandwidth", sa.BigInteger),
        sa.Column("fate_accepted", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("servers", column)
    for column in (
        sa.Column("stores", sa.Text, nullable=False, server_default="[]"),
        sa.Column("subject", sa.Text),
        sa.Column("preset", sa.Text),
        sa.Column("course", sa.Text),
        sa.Column("labels", sa.Text, nullable=False, server_default="[]"),
    ):
        op.add_column("contracts", column)


def _extend_runs() -> None:
    op.add_column("runs", sa.Column("verifying_at", _INSTANT))
    # The trail has known it all along.
    op.execute(
        "UPDATE runs SET verifying_at = (SELECT MAX(audit_events.at) FROM audit_events"
        " WHERE audit_events.subject = runs.run AND audit_events.kind = 'run.verifying')"
    )
    op.create_index("ix_runs_server_epoch", "runs", ["server", "epoch"])


def _create_acknowledgements() -> None:
    op.create_table(
        "acknowledgements",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("until", _INSTANT),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("expiry_text", sa.Text, nullable=False),
        sa.Column("expiry_timezone", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_acknowledgements"),
        sa.ForeignKeyConstraint(
            ["contract"], ["contracts.name"], name="fk_acknowledgements_contract_contracts"
        ),
    )
    op.create_index("ix_acknowledgements_contract", "acknowledgements", ["contract"])


def _create_standings() -> None:
    op.create_table(
        "standings",
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("copy_run", sa.Text),
        sa.Column("copy_at", _INSTANT),
        sa.Column("copy_depth", sa.Text),
        sa.Column("copy_store", sa.Text),
        sa.Column("run", sa.Text),
        sa.Column("kind", sa.Text),
        sa.Column("state", sa.Text),
        sa.Column("started_at", _INSTANT),
        sa.Column("finished_at", _INSTANT),
        sa.Column("failures", sa.Integer),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("error_hint", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", _INSTANT),
        sa.Column("samples", sa.Text, nullable=False),
        sa.Column("measured_bytes", sa.BigInteger),
        sa.PrimaryKeyConstraint("server", name="pk_standings"),
    )


def _create_claims() -> None:
    op.create_table(
        "claims",
        sa.Column("server", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("server", name="pk_claims"),
    )
    op.execute("INSERT INTO claims (server) SELECT name FROM servers UNION SELECT server FROM runs")
    op.create_table(
        "hosts",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("seen_until", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_hosts"),
    )
