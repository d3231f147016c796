"""The table of approvals."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata, owner_columns, payload_columns

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    text_key("id", nullable=False),
    *owner_columns(),
    text_key("task_id"),
    text_key("run_id"),
    text_key("requested_by"),
    text_key("approver"),
    text_key("trace_id"),
    sa.Column("request_fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    *payload_columns("payload"),
    sa.Column("labels", Searchable, nullable=False),
    # Microseconds; NULL: it does not expire.
    sa.Column("ttl", sa.BigInteger),
    text_key("decided_by"),
    sa.Column("reason", sa.Text, nullable=False),
    *payload_columns("response"),
    # Estimated bytes of the approval on the wire, by which pages are bounded.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("expire_time", Micros),
    # NULL as long as it is pending.
    sa.Column("end_time", Micros),
    sa.UniqueConstraint("namespace", "id"),
    sa.Index(None, "namespace", "create_time", "key"),
    sa.Index(None, "namespace", "status", "create_time", "key"),
    sqlite_autoincrement=True,
)

for _column in ("task_id", "run_id", "requested_by", "approver", "decided_by", "trace_id"):
    _filled = approvals.c[_column].is_not(None)
    sa.Index(
        f"approvals_{_column}_idx",
        approvals.c.namespace,
        approvals.c[_column],
        approvals.c.create_time,
        approvals.c.key,
        postgresql_where=_filled,
        sqlite_where=_filled,
    )
sa.Index(
    "approvals_session_key_idx",
    approvals.c.session_key,
    approvals.c.create_time,
    approvals.c.key,
    postgresql_where=approvals.c.session_key.is_not(None),
    sqlite_where=approvals.c.session_key.is_not(None),
)
# Of the pending ones; the planner would not know that `status = ?` means them.
_pending = sa.and_(approvals.c.end_time.is_(None), approvals.c.expire_time.is_not(None))
sa.Index(
    "approvals_expire_time_idx", approvals.c.expire_time, postgresql_where=_pending, sqlite_where=_pending
)
# See sessions; on SQLite the table is approval_label_index.
sa.Index(
    "approvals_labels_idx",
    approvals.c.labels,
    postgresql_using="gin",
    postgresql_ops={"labels": "jsonb_path_ops"},
).ddl_if(dialect="postgresql")
