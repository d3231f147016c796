"""Views for people with psql or sqlite3: the server does not read them."""

from __future__ import annotations

from alembic import op


def create() -> None:
    _view(
        "active_sessions",
        "id AS session_id, user_id, agent_id, task_id, title, labels, metadata, last_sequence",
        ("create_time", "last_activity_time"),
        "sessions WHERE status = 'active'",
    )
    now = "now()"
    if op.get_context().dialect.name != "postgresql":
        now = "strftime('%s', 'now') * 1000000"
    _view(
        "pending_approvals",
        "id AS approval_id, session_id, task_id, run_id, title, requested_by, approver, labels",
        ("create_time", "expire_time"),
        f"approvals WHERE end_time IS NULL AND (expire_time IS NULL OR expire_time > {now})",
    )
    _view(
        "open_tasks",
        "id AS task_id, session_id, kind, status, phase, priority, from_role, to_role, dedupe_key, attempts,"
        " max_attempts, worker_id, labels, metadata",
        ("create_time", "run_after_time", "start_time", "lease_expire_time"),
        "tasks WHERE end_time IS NULL",
    )


def _view(name: str, columns: str, times: tuple[str, ...], rows: str) -> None:
    """Show rows with their namespace, and with times to read: SQLite has microseconds since 1970."""
    if op.get_context().dialect.name != "postgresql":
        times = tuple(
            f"strftime('%Y-%m-%dT%H:%M:%S', {time} / 1000000, 'unixepoch')"
            f" || printf('.%06dZ', {time} % 1000000) AS {time}"
            for time in times
        )
    op.execute(f"CREATE VIEW {name} AS SELECT namespace, {columns}, {', '.join(times)} FROM {rows}")
