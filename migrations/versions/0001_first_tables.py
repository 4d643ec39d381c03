"""The first tables, and an audit trail that the database itself keeps append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_INSTANT = sa.DateTime(timezone=True)
_REFUSAL = "audit events are never changed or deleted"


def upgrade() -> None:
    """Start with an empty database."""
    _create_registry()
    _create_history()
    _create_audit_trail()


def _create_registry() -> None:
    op.create_table(
        "servers",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("identity", sa.Text),
        sa.Column("host_key", sa.Text, nullable=False),
        sa.Column("paths", sa.Text, nullable=False),
        sa.Column("excludes", sa.Text, nullable=False),
        sa.Column("sudo", sa.Boolean, nullable=False),
        sa.Column("one_file_system", sa.Boolean, nullable=False),
        sa.Column("store", sa.Text),
        sa.Column("verify_depth", sa.Text),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_servers"),
    )
    op.create_table(
        "contracts",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("account", sa.Text),
        sa.Column("expiry_text", sa.Text, nullable=False),
        sa.Column("expiry_timezone", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("closed_reason", sa.Text),
        sa.Column("closed_by", sa.Text),
        sa.Column("closed_at", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_contracts"),
    )
    _create_links()


def _create_links() -> None:
    op.create_table(
        "contract_servers",
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("contract", "server", name="pk_contract_servers"),
        sa.ForeignKeyConstraint(
            ["contract"], ["contracts.name"], name="fk_contract_servers_contract_contracts"
        ),
    )
    op.create_index("ix_contract_servers_server", "contract_servers", ["server"])
    op.create_table(
        "renewals",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("contract", sa.Text, nullable=False),
        sa.Column("old_expiry_text", sa.Text, nullable=False),
        sa.Column("old_expiry_timezone", sa.Text),
        sa.Column("new_expiry_text", sa.Text, nullable=False),
        sa.Column("new_expiry_timezone", sa.Text),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_renewals"),
        sa.ForeignKeyConstraint(
            ["contract"], ["contracts.name"], name="fk_renewals_contract_contracts"
        ),
    )
    op.create_index("ix_renewals_contract", "renewals", ["contract"])


def _create_history() -> None:
    _create_runs()
    op.create_table(
        "manifests",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("previous_sha256", sa.Text),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_manifests"),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name="fk_manifests_run_runs"),
        sa.UniqueConstraint("repository", "sequence", name="uq_manifests_repository_sequence"),
        sa.UniqueConstraint("run", "sha256", name="uq_manifests_run_sha256"),
    )
    op.create_table(
        "verifications",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("manifest_sha256", sa.Text, nullable=False),
        sa.Column("depth", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("checked_at", _INSTANT, nullable=False),
        sa.Column("matches_source", sa.Boolean),
        sa.Column("problems", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verifications"),
        sa.ForeignKeyConstraint(
            ["run", "manifest_sha256"],
            ["manifests.run", "manifests.sha256"],
            name="fk_verifications_run_manifest_sha256_manifests",
        ),
    )
    op.create_index(
        "ix_verifications_run_manifest_sha256", "verifications", ["run", "manifest_sha256"]
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT),
        sa.Column("files", sa.BigInteger),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("stored_bytes", sa.BigInteger),
        sa.Column("new_bytes", sa.BigInteger),
        sa.Column("snapshot", sa.Text),
        sa.Column("manifest_sha256", sa.Text),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("error_hint", sa.Text),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("run", name="pk_runs"),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_index("ix_runs_server_started_at", "runs", ["server", "started_at"])
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "uq_runs_unfinished_server",
        "runs",
        ["server"],
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )


def _create_audit_trail() -> None:
    op.create_table(
        "audit_events",
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_subject", "audit_events", ["subject"])
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite()
    else:
        _guard_on_postgresql()


def _guard_on_sqlite() -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_events_refuse_{change.lower()} BEFORE {change} ON audit_events "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )


def _guard_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
