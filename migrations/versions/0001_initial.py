"""All tables and indexes.

What the columns mean is said in `holdfastdb_server/storage/schema.py`. Types are spelled out here, for
a migration must go on making what it made.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSON(), "postgresql")
JSONB = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def session_key() -> sa.Column[Any]:
    return sa.Column(
        "session_key",
        sa.BigInteger,
        sa.ForeignKey("sessions.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


def surrogate_key() -> sa.Column[Any]:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("key", number, sa.Identity(always=True), primary_key=True)


def owner() -> list[sa.Column[Any]]:
    return [
        sa.Column("session_key", sa.BigInteger, sa.ForeignKey("sessions.key", ondelete="CASCADE")),
        sa.Column("session_id", KEY),
    ]


def payload(name: str) -> list[sa.Column[Any]]:
    return [
        sa.Column(f"{name}_json", JSON),
        sa.Column(f"{name}_data", sa.LargeBinary),
        sa.Column(f"{name}_media_type", sa.Text),
    ]


def partial_index(name: str, table: str, columns: list[str], present: str) -> None:
    """Index only the rows in which the column `present` is."""
    condition = sa.text(f"{present} IS NOT NULL")
    op.create_index(name, table, columns, postgresql_where=condition, sqlite_where=condition)


def upgrade() -> None:
    sessions()
    events()
    states()
    requests()
    runs()
    approvals()
    tasks()
    plans()
    memories()
    documents()
    leadership()
    views()


def sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            primary_key=True,
        ),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_id", KEY),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("status_reason", sa.Text, nullable=False),
        sa.Column("user_id", KEY),
        sa.Column("agent_id", KEY),
        sa.Column("task_id", KEY),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("retention", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("fork_sequence", sa.BigInteger),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.Column("last_activity_time", TIME, nullable=False),
        sa.Column("end_time", TIME),
        sa.Column("expiry_check_time", TIME),
        sa.PrimaryKeyConstraint("key", name="sessions_pkey"),
        sa.UniqueConstraint("namespace", "id", name="sessions_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("sessions_namespace_create_time_key_idx", "sessions", ["namespace", "create_time", "key"])
    op.create_index(
        "sessions_namespace_status_create_time_key_idx",
        "sessions",
        ["namespace", "status", "create_time", "key"],
    )
    for column in ("user_id", "agent_id", "parent_id", "task_id"):
        partial_index(
            f"sessions_{column}_idx", "sessions", ["namespace", column, "create_time", "key"], column
        )
    for name, condition in (("default", "retention IS NULL"), ("own", "retention IS NOT NULL")):
        may_expire = sa.text(f"{condition} AND expiry_check_time IS NOT NULL")
        op.create_index(
            f"sessions_{name}_expiry_idx",
            "sessions",
            ["expiry_check_time"],
            postgresql_where=may_expire,
            sqlite_where=may_expire,
        )
    partial_index("sessions_end_time_idx", "sessions", ["end_time"], "end_time")
    search("sessions", "session", ("labels", "metadata"))


def events() -> None:
    op.create_table(
        "events",
        session_key(),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("type", KEY, nullable=False),
        sa.Column("actor", KEY),
        sa.Column("run_id", KEY),
        sa.Column("task_id", KEY),
        sa.Column("trace_id", KEY),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("body", JSON),
        sa.Column("data", sa.LargeBinary),
        sa.Column("media_type", sa.Text),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("event_time", TIME, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "sequence", name="events_pkey"),
        sa.UniqueConstraint("session_key", "event_id", name="events_session_key_event_id_key"),
    )
    partial_index(
        "events_trace_id_idx", "events", ["namespace", "trace_id", "session_key", "sequence"], "trace_id"
    )


def states() -> None:
    op.create_table(
        "states",
        session_key(),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "key", name="states_pkey"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "state_versions",
        session_key(),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("body", JSON),
        sa.Column("data", sa.LargeBinary),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("run_id", KEY),
        sa.Column("session_sequence", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "key", "version", name="state_versions_pkey"),
    )


def requests() -> None:
    op.create_table(
        "session_requests",
        session_key(),
        sa.Column("request_id", KEY, primary_key=True),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "request_id", name="session_requests_pkey"),
    )
    op.create_index("session_requests_create_time_idx", "session_requests", ["create_time"])
    op.create_table(
        "requests",
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result", JSON),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "request_id", name="requests_pkey"),
    )
    op.create_index("requests_create_time_idx", "requests", ["create_time"])


def runs() -> None:
    op.create_table(
        "runs",
        surrogate_key(),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        *owner(),
        sa.Column("parent_id", KEY),
        sa.Column("task_id", KEY),
        sa.Column("agent_id", KEY),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("trace_id", KEY),
        sa.Column("start_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        *payload("input"),
        *payload("output"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cache_read_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("cache_creation_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("reasoning_output_tokens", sa.BigInteger, nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("start_time", TIME, nullable=False),
        sa.Column("end_time", TIME),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="runs_pkey"),
        sa.UniqueConstraint("namespace", "id", name="runs_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("runs_namespace_start_time_key_idx", "runs", ["namespace", "start_time", "key"])
    for column in ("status", "kind"):
        op.create_index(
            f"runs_namespace_{column}_start_time_key_idx", "runs", ["namespace", column, "start_time", "key"]
        )
    for column in ("agent_id", "task_id", "parent_id", "trace_id"):
        partial_index(f"runs_{column}_idx", "runs", ["namespace", column, "start_time", "key"], column)
    partial_index("runs_session_key_idx", "runs", ["session_key", "start_time", "key"], "session_key")
    search("runs", "run", ("labels", "metadata"))


def approvals() -> None:
    op.create_table(
        "approvals",
        surrogate_key(),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        *owner(),
        sa.Column("task_id", KEY),
        sa.Column("run_id", KEY),
        sa.Column("requested_by", KEY),
        sa.Column("approver", KEY),
        sa.Column("trace_id", KEY),
        sa.Column("request_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        *payload("payload"),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("ttl", sa.BigInteger),
        sa.Column("decided_by", KEY),
        sa.Column("reason", sa.Text, nullable=False),
        *payload("response"),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("expire_time", TIME),
        sa.Column("end_time", TIME),
        sa.PrimaryKeyConstraint("key", name="approvals_pkey"),
        sa.UniqueConstraint("namespace", "id", name="approvals_namespace_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "approvals_namespace_create_time_key_idx", "approvals", ["namespace", "create_time", "key"]
    )
    op.create_index(
        "approvals_namespace_status_create_time_key_idx",
        "approvals",
        ["namespace", "status", "create_time", "key"],
    )
    for column in ("task_id", "run_id", "requested_by", "approver", "decided_by", "trace_id"):
        partial_index(
            f"approvals_{column}_idx", "approvals", ["namespace", column, "create_time", "key"], column
        )
    partial_index(
        "approvals_session_key_idx", "approvals", ["session_key", "create_time", "key"], "session_key"
    )
    pending = sa.text("end_time IS NULL AND expire_time IS NOT NULL")
    op.create_index(
        "approvals_expire_time_idx",
        "approvals",
        ["expire_time"],
        postgresql_where=pending,
        sqlite_where=pending,
    )
    search("approvals", "approval", ("labels",))


def tasks() -> None:
    op.create_table(
        "tasks",
        surrogate_key(),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        *owner(),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("phase", KEY),
        sa.Column("from_role", KEY),
        sa.Column("to_role", KEY),
        *payload("payload"),
        *payload("result"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("idempotency_key", KEY),
        sa.Column("held_key", KEY),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("dedupe_digest", sa.LargeBinary),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("run_after_time", TIME),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("trace_id", KEY),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("worker_id", KEY),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_expire_time", TIME),
        sa.Column("claim_time", TIME),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.Column("start_time", TIME),
        sa.Column("end_time", TIME),
        sa.PrimaryKeyConstraint("key", name="tasks_pkey"),
        sa.UniqueConstraint("namespace", "id", name="tasks_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("tasks_namespace_create_time_key_idx", "tasks", ["namespace", "create_time", "key"])
    for column in ("status", "kind"):
        op.create_index(
            f"tasks_namespace_{column}_create_time_key_idx",
            "tasks",
            ["namespace", column, "create_time", "key"],
        )
    for column in ("phase", "from_role", "to_role", "worker_id", "dedupe_digest", "trace_id"):
        partial_index(f"tasks_{column}_idx", "tasks", ["namespace", column, "create_time", "key"], column)
    partial_index("tasks_session_key_idx", "tasks", ["session_key", "create_time", "key"], "session_key")
    partial_index("tasks_held_time_idx", "tasks", ["create_time"], "held_key")
    for name, columns, where in (
        ("tasks_held_key_idx", ["namespace", "held_key"], "held_key IS NOT NULL"),
        (
            "tasks_open_idx",
            ["namespace", "kind", "dedupe_digest"],
            "dedupe_digest IS NOT NULL AND end_time IS NULL",
        ),
    ):
        condition = sa.text(where)
        op.create_index(
            name, "tasks", columns, unique=True, postgresql_where=condition, sqlite_where=condition
        )
    order: list[Any] = [sa.text("priority DESC"), "create_time", "key", "claim_time"]
    for name, columns, where in (
        ("tasks_claim_idx", ["namespace", *order], "claim_time IS NOT NULL"),
        ("tasks_claim_kind_idx", ["namespace", "kind", *order], "claim_time IS NOT NULL"),
        ("tasks_lapse_idx", ["claim_time"], "claim_time IS NOT NULL AND lease_token IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, "tasks", columns, postgresql_where=condition, sqlite_where=condition)
    search("tasks", "task", ("labels", "metadata"))


def plans() -> None:
    op.create_table(
        "plans",
        surrogate_key(),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        *owner(),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("pending_count", sa.Integer, nullable=False),
        sa.Column("in_progress_count", sa.Integer, nullable=False),
        sa.Column("completed_count", sa.Integer, nullable=False),
        sa.Column("failed_count", sa.Integer, nullable=False),
        sa.Column("skipped_count", sa.Integer, nullable=False),
        sa.Column("ready_count", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="plans_pkey"),
        sa.UniqueConstraint("namespace", "id", name="plans_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("plans_namespace_create_time_key_idx", "plans", ["namespace", "create_time", "key"])
    op.create_index(
        "plans_namespace_status_create_time_key_idx", "plans", ["namespace", "status", "create_time", "key"]
    )
    partial_index("plans_session_key_idx", "plans", ["session_key", "create_time", "key"], "session_key")
    search("plans", "plan", ("labels", "metadata"))
    op.create_table(
        "plan_items",
        sa.Column(
            "plan_key",
            sa.BigInteger,
            sa.ForeignKey("plans.key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("id", KEY, primary_key=True),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("acceptance_criteria", JSON, nullable=False),
        sa.Column("depends_on", JSON, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        *payload("result"),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("plan_key", "id", name="plan_items_pkey"),
    )


def memories() -> None:
    op.create_table(
        "memories",
        surrogate_key(),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("context", sa.Text, nullable=False),
        sa.Column("lesson", sa.Text, nullable=False),
        sa.Column("tool_name", KEY),
        sa.Column("agent_id", KEY),
        sa.Column("user_id", KEY),
        sa.Column("session_id", KEY),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("use_count", sa.BigInteger, nullable=False),
        sa.Column("last_use_time", TIME),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="memories_pkey"),
        sa.UniqueConstraint("namespace", "id", name="memories_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("memories_namespace_create_time_key_idx", "memories", ["namespace", "create_time", "key"])
    op.create_index(
        "memories_namespace_confidence_create_time_key_idx",
        "memories",
        ["namespace", "confidence", "create_time", "key"],
    )
    for column in ("tool_name", "agent_id", "user_id", "session_id"):
        partial_index(
            f"memories_{column}_idx", "memories", ["namespace", column, "create_time", "key"], column
        )
    search("memories", "memory", ("labels", "metadata"))
    full_text("memories", "memory")


def documents() -> None:
    op.create_table(
        "documents",
        surrogate_key(),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("collection", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_key", sa.BigInteger, sa.ForeignKey("documents.key")),
        sa.Column("parent_collection", KEY),
        sa.Column("parent_id", KEY),
        *payload("content"),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("ttl", sa.BigInteger),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.Column("expire_time", TIME),
        sa.Column("gone_time", TIME),
        sa.Column("expiry_check_time", TIME),
        sa.PrimaryKeyConstraint("key", name="documents_pkey"),
        sa.UniqueConstraint("namespace", "collection", "id", name="documents_namespace_collection_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "documents_namespace_update_time_key_idx", "documents", ["namespace", "update_time", "key"]
    )
    partial_index("documents_parent_key_idx", "documents", ["parent_key", "collection", "id"], "parent_key")
    partial_index("documents_expiry_check_time_idx", "documents", ["expiry_check_time"], "expiry_check_time")
    search("documents", "document", ("labels", "metadata"))
    op.create_table(
        "document_members",
        sa.Column(
            "row_key",
            sa.BigInteger,
            sa.ForeignKey("documents.key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("members", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("row_key", name="document_members_pkey"),
    )
    full_text("documents", "document")


def leadership() -> None:
    op.create_table(
        "leadership",
        sa.Column("name", KEY, primary_key=True),
        sa.Column("holder", KEY, nullable=False),
        sa.Column("expire_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="leadership_pkey"),
    )


def views() -> None:
    """For people with psql or sqlite3: the server does not look at them."""
    view(
        "active_sessions",
        "id AS session_id, user_id, agent_id, task_id, title, labels, metadata, last_sequence",
        ("create_time", "last_activity_time"),
        "sessions WHERE status = 'active'",
    )
    now = "now()"
    if op.get_context().dialect.name != "postgresql":
        now = "strftime('%s', 'now') * 1000000"
    view(
        "pending_approvals",
        "id AS approval_id, session_id, task_id, run_id, title, requested_by, approver, labels",
        ("create_time", "expire_time"),
        f"approvals WHERE end_time IS NULL AND (expire_time IS NULL OR expire_time > {now})",
    )
    view(
        "open_tasks",
        "id AS task_id, session_id, kind, status, phase, priority, from_role, to_role, dedupe_key, attempts,"
        " max_attempts, worker_id, labels, metadata",
        ("create_time", "run_after_time", "start_time", "lease_expire_time"),
        "tasks WHERE end_time IS NULL",
    )


def view(name: str, columns: str, times: tuple[str, ...], rows: str) -> None:
    """Show rows with their namespace, and with times to read: SQLite has microseconds since 1970."""
    if op.get_context().dialect.name != "postgresql":
        times = tuple(
            f"strftime('%Y-%m-%dT%H:%M:%S', {time} / 1000000, 'unixepoch')"
            f" || printf('.%06dZ', {time} % 1000000) AS {time}"
            for time in times
        )
    op.execute(f"CREATE VIEW {name} AS SELECT namespace, {columns}, {', '.join(times)} FROM {rows}")


def search(table: str, noun: str, fields: tuple[str, ...]) -> None:
    """Make JSON objects searchable by their members."""
    if op.get_context().dialect.name != "postgresql":
        label_index(table, noun, fields)
        return
    for field in fields:
        op.create_index(
            f"{table}_{field}_idx",
            table,
            [field],
            postgresql_using="gin",
            postgresql_ops={field: "jsonb_path_ops"},
        )


def full_text(table: str, noun: str) -> None:
    """Make texts searchable by their words, with each engine's own full-text index."""
    if op.get_context().dialect.name != "postgresql":
        op.execute(
            f"CREATE VIRTUAL TABLE {noun}_full_text USING"
            " fts5(whole, half, tokenize = 'ascii', detail = 'column', columnsize = 0)"
        )
        op.execute(
            f"CREATE TRIGGER {noun}_full_text_delete AFTER DELETE ON {table} BEGIN"
            f" DELETE FROM {noun}_full_text WHERE rowid = old.key; END"
        )
        return
    op.create_table(
        f"{noun}_full_text",
        sa.Column(
            "row_key",
            sa.BigInteger,
            sa.ForeignKey(f"{table}.key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("part", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("words", postgresql.TSVECTOR, nullable=False),
        sa.PrimaryKeyConstraint("row_key", "part", name=f"{noun}_full_text_pkey"),
    )
    op.create_index(f"{noun}_full_text_words_idx", f"{noun}_full_text", ["words"], postgresql_using="gin")


def label_index(table: str, noun: str, fields: tuple[str, ...]) -> None:
    """Keep the scalar members of JSON objects in a table of their own, for SQLite cannot index them."""
    index = f"{noun}_label_index"
    op.execute(
        f"CREATE TABLE {index} (row_key INTEGER NOT NULL REFERENCES {table} (key) ON DELETE CASCADE,"
        " field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value)"
    )
    op.execute(f"CREATE INDEX {index}_row_idx ON {index} (row_key, field)")
    op.execute(f"CREATE INDEX {index}_value_idx ON {index} (field, name, type, value, row_key)")
    for field in fields:
        insert = (
            f"INSERT INTO {index} SELECT new.key, '{field}', key,"
            " CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom"
            f" FROM json_each(new.{field}) WHERE type NOT IN ('object', 'array');"
        )
        op.execute(f"CREATE TRIGGER {index}_{field}_insert AFTER INSERT ON {table} BEGIN {insert} END")
        op.execute(
            f"CREATE TRIGGER {index}_{field}_update AFTER UPDATE OF {field} ON {table}"
            f" WHEN new.{field} <> old.{field} BEGIN"
            f" DELETE FROM {index} WHERE row_key = old.key AND field = '{field}'; {insert} END"
        )
