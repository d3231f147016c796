"""The table of tasks."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata, owner_columns, payload_columns

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    text_key("id", nullable=False),
    *owner_columns(),
    sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
    text_key("kind", nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    text_key("phase"),
    text_key("from_role"),
    text_key("to_role"),
    *payload_columns("payload"),
    *payload_columns("result"),
    sa.Column("error", sa.Text, nullable=False),
    text_key("idempotency_key"),
    # The idempotency key while it holds, NULL once it has lapsed.
    text_key("held_key"),
    sa.Column("dedupe_key", sa.Text),
    # Its BLAKE2b: the key itself may be too long for an index of PostgreSQL.
    sa.Column("dedupe_digest", sa.LargeBinary),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("run_after_time", Micros),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("labels", Searchable, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    text_key("trace_id"),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    text_key("worker_id"),
    sa.Column("lease_token", sa.Text),
    # In no index: every extension writes it, and PostgreSQL then needs no new index entries.
    sa.Column("lease_expire_time", Micros),
    # Not before this time can it be claimed; NULL: not as it is, as when it has ended. For a leased task the
    # lease's first end: an extension does not write it, the janitor moves it on when that has passed.
    sa.Column("claim_time", Micros),
    # Estimated bytes of the task on the wire, by which pages are bounded.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("update_time", Micros, nullable=False),
    sa.Column("start_time", Micros),
    sa.Column("end_time", Micros),
    sa.UniqueConstraint("namespace", "id"),
    sa.Index(None, "namespace", "create_time", "key"),
    sa.Index(None, "namespace", "status", "create_time", "key"),
    sa.Index(None, "namespace", "kind", "create_time", "key"),
    sqlite_autoincrement=True,
    postgresql_with={"fillfactor": 70},
)


def _partial_index(name: str, *columns: sa.ColumnElement[object], where: sa.ColumnElement[bool]) -> None:
    unique = name in ("tasks_held_key_idx", "tasks_open_idx")
    sa.Index(name, *columns, unique=unique, postgresql_where=where, sqlite_where=where)


for _column in ("phase", "from_role", "to_role", "worker_id", "dedupe_digest", "trace_id"):
    _partial_index(
        f"tasks_{_column}_idx",
        tasks.c.namespace,
        tasks.c[_column],
        tasks.c.create_time,
        tasks.c.key,
        where=tasks.c[_column].is_not(None),
    )
_partial_index(
    "tasks_session_key_idx",
    tasks.c.session_key,
    tasks.c.create_time,
    tasks.c.key,
    where=tasks.c.session_key.is_not(None),
)
_partial_index("tasks_held_time_idx", tasks.c.create_time, where=tasks.c.held_key.is_not(None))
_partial_index("tasks_held_key_idx", tasks.c.namespace, tasks.c.held_key, where=tasks.c.held_key.is_not(None))
# At most one open task of a kind has a dedupe key.
_partial_index(
    "tasks_open_idx",
    tasks.c.namespace,
    tasks.c.kind,
    tasks.c.dedupe_digest,
    where=sa.and_(tasks.c.dedupe_digest.is_not(None), tasks.c.end_time.is_(None)),
)
# For claims of one kind and of any: tasks that have ended are not in them. The claim time is their last
# column, so that tasks that are leased or not due are skipped without reading their rows.
_claim_order = (tasks.c.priority.desc(), tasks.c.create_time, tasks.c.key, tasks.c.claim_time)
_claimable = tasks.c.claim_time.is_not(None)
_partial_index("tasks_claim_idx", tasks.c.namespace, *_claim_order, where=_claimable)
_partial_index("tasks_claim_kind_idx", tasks.c.namespace, tasks.c.kind, *_claim_order, where=_claimable)
_partial_index(
    "tasks_lapse_idx",
    tasks.c.claim_time,
    where=sa.and_(tasks.c.claim_time.is_not(None), tasks.c.lease_token.is_not(None)),
)

# See sessions: labels and metadata are searched by containment.
for _column in ("labels", "metadata"):
    sa.Index(
        f"tasks_{_column}_idx",
        tasks.c[_column],
        postgresql_using="gin",
        postgresql_ops={_column: "jsonb_path_ops"},
    ).ddl_if(dialect="postgresql")
