"""The tables, as the newest migration leaves them; a test holds the two together.

History outlives what it speaks of: runs, manifests and closed contracts keep the names of servers
that are no longer registered, and a lost database is rebuilt from the manifests in the bucket
before anybody registers a server again. So server names there are plain text, not foreign keys.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from daemon.store.columns import JsonText, TextTuple, UtcDateTime
from daemon.store.courses import read_course, write_course
from daemon.store.server_parts import (
    read_dumps,
    read_machine,
    read_rates,
    write_dumps,
    write_machine,
    write_rates,
)

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SERVERS: Final = Table(
    "servers",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("user", Text, nullable=False),
    Column("identity", Text),
    Column("host_key", Text, nullable=False),
    Column("paths", TextTuple, nullable=False),
    Column("excludes", TextTuple, nullable=False),
    Column("sudo", Boolean, nullable=False),
    Column("one_file_system", Boolean, nullable=False),
    Column("store", Text),
    Column("verify_depth", Text),
    Column("labels", TextTuple, nullable=False),
    Column("value", Integer, nullable=False),
    Column("priority", TextTuple, nullable=False),
    Column("bandwidth", BigInteger),
    Column("rates", JsonText(write_rates, read_rates), nullable=False),
    Column("staging", Text),
    Column("snapshot", Text, nullable=False),
    Column("snapshot_required", Boolean, nullable=False),
    Column("before_capture", TextTuple, nullable=False),
    Column("after_capture", TextTuple, nullable=False),
    Column("freeze_command", TextTuple, nullable=False),
    Column("thaw_command", TextTuple, nullable=False),
    Column("hook_timeout", Integer, nullable=False),
    Column("dumps", JsonText(write_dumps, read_dumps), nullable=False),
    Column("machine", JsonText(write_machine, read_machine)),
    Column("fate_accepted", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

CONTRACTS: Final = Table(
    "contracts",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("reference", Text),
    Column("account", Text),
    # The contract's own words; the instant they mean is computed when needed.
    Column("expiry_text", Text, nullable=False),
    Column("expiry_timezone", Text),
    Column("stores", TextTuple, nullable=False),
    Column("subject", Text),
    Column("preset", Text),
    Column("course", JsonText(write_course, read_course)),
    Column("labels", TextTuple, nullable=False),
    Column("state", Text, nullable=False),
    Column("closed_reason", Text),
    Column("closed_by", Text),
    Column("closed_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
)

CONTRACT_SERVERS: Final = Table(
    "contract_servers",
    METADATA,
    Column("contract", ForeignKey("contracts.name"), primary_key=True),
    Column("server", Text, primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

RENEWALS: Final = Table(
    "renewals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("contract", ForeignKey("contracts.name"), nullable=False, index=True),
    Column("old_expiry_text", Text, nullable=False),
    Column("old_expiry_timezone", Text),
    Column("new_expiry_text", Text, nullable=False),
    Column("new_expiry_timezone", Text),
    Column("evidence", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

ACKNOWLEDGEMENTS: Final = Table(
    "acknowledgements",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("contract", ForeignKey("contracts.name"), nullable=False, index=True),
    Column("decision", Text, nullable=False),
    Column("until", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # The end that it was about.
    Column("expiry_text", Text, nullable=False),
    Column("expiry_timezone", Text),
)

RUNS: Final = Table(
    "runs",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("server", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("verifying_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("files", BigInteger),
    Column("bytes", BigInteger),
    Column("stored_bytes", BigInteger),
    Column("new_bytes", BigInteger),
    Column("snapshot", Text),
    Column("manifest_sha256", Text),
    Column("store", Text, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_hint", Text),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", UtcDateTime, nullable=False),
    Index(None, "started_at"),
    Index(None, "server", "started_at"),
    Index(None, "server", "epoch"),
)
#: Whatever else goes wrong, no server ever has two runs under way. On PostgreSQL as well: that the
#: migration says, for naming a dialect here would load it, whichever database is used.
Index(
    "uq_runs_unfinished_server",
    RUNS.c.server,
    unique=True,
    sqlite_where=RUNS.c.finished_at.is_(None),
)

#: Drawn from runs and verifications, in the same transaction as those; see `Standings`. Absent for
#: a server that has neither a run nor a measured size.
STANDINGS: Final = Table(
    "standings",
    METADATA,
    Column("server", Text, primary_key=True),
    Column("copy_run", Text),
    Column("copy_at", UtcDateTime),
    Column("copy_depth", Text),
    Column("copy_store", Text),
    # The newest run.
    Column("run", Text),
    Column("kind", Text),
    Column("state", Text),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("failures", Integer),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_hint", Text),
    Column("owner", Text),
    # As of the last state; while the run is under way, `runs` knows better.
    Column("lease_until", UtcDateTime),
    Column("samples", Text, nullable=False),
    # The one thing here that no history holds.
    Column("measured_bytes", BigInteger),
)

#: One row for each server, never changed: it is locked while somebody begins a run of the server.
#: Nothing else locks it, so one who has the lock and waits for the audit trail holds nobody up.
CLAIMS: Final = Table("claims", METADATA, Column("server", Text, primary_key=True))

#: The daemons that share this database.
HOSTS: Final = Table(
    "hosts",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_until", UtcDateTime, nullable=False),
)

#: The newest reading of each run under way; forgotten when it ends.
PROGRESS: Final = Table(
    "progress",
    METADATA,
    Column("run", ForeignKey("runs.run"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("phase", Text, nullable=False),
    Column("arrived_files", BigInteger, nullable=False),
    Column("arrived_bytes", BigInteger, nullable=False),
    Column("stored_files", BigInteger, nullable=False),
    Column("stored_bytes", BigInteger, nullable=False),
    Column("safe_files", BigInteger, nullable=False),
    Column("safe_bytes", BigInteger, nullable=False),
    Column("read_bytes", BigInteger, nullable=False),
    Column("rate", BigInteger, nullable=False),
    Column("expected_bytes", BigInteger),
    Column("finish_by", UtcDateTime),
)

MANIFESTS: Final = Table(
    "manifests",
    METADATA,
    Column("run", ForeignKey("runs.run"), primary_key=True),
    Column("server", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("previous_sha256", Text),
    # The signed bytes themselves, so that they can be shown and checked without the bucket.
    Column("document", LargeBinary, nullable=False),
    UniqueConstraint("repository", "sequence"),
    UniqueConstraint("run", "sha256"),
)

VERIFICATIONS: Final = Table(
    "verifications",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run", Text, nullable=False),
    Column("manifest_sha256", Text, nullable=False),
    Column("depth", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("matches_source", Boolean),
    Column("problems", TextTuple, nullable=False),
    # Evidence is about one manifest, never about a run whose manifest is another.
    ForeignKeyConstraint(["run", "manifest_sha256"], ["manifests.run", "manifests.sha256"]),
    Index(None, "run", "manifest_sha256"),
)

#: Snapshots that providers made of their own disks.
PROVIDER_COPIES: Final = Table(
    "provider_copies",
    METADATA,
    Column("run", Text, primary_key=True),
    Column("server", Text, nullable=False),
    # Rises with each copy of a server, whatever the clocks say.
    Column("number", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("provider", Text),
    Column("account", Text),
    Column("region", Text),
    Column("machine", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("begun_at", UtcDateTime),
    Column("looked_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Column("progress", Integer, nullable=False),
    Column("volumes", Text, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_hint", Text),
    Column("failures", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lease_until", UtcDateTime, nullable=False),
    UniqueConstraint("server", "number"),
)
#: No server ever has two of them under way.
Index(
    "uq_provider_copies_unfinished_server",
    PROVIDER_COPIES.c.server,
    unique=True,
    sqlite_where=PROVIDER_COPIES.c.ended_at.is_(None),
)

#: Append-only: triggers, made by the migration, refuse to change or delete an event.
AUDIT_EVENTS: Final = Table(
    "audit_events",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("payload", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
