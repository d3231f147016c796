"""Tasks as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from holdfastdb import Task
from holdfastdb_server.cli.views import formatting
from holdfastdb_server.cli.views.tables import Column, Fit, print_list

_COLUMNS: tuple[Column[Task], ...] = (
    Column("Task", lambda one: one.task_id, Fit.ID, style="bold"),
    Column("Status", lambda one: formatting.status(one.status.value)),
    Column("Kind", lambda one: one.kind, Fit.WORD),
    Column("Phase", lambda one: one.phase, Fit.WORD),
    Column("To", lambda one: one.to_role, Fit.WORD),
    Column("Worker", lambda one: one.worker_id, Fit.ID),
    Column("Tries", lambda one: f"{one.attempts:,}" if one.attempts else "", right=True),
    Column("Error", lambda one: one.error, Fit.TEXT),
    Column("Created", lambda one: formatting.ago(one.create_time), style="dim"),
)
_IMPORTANCE = ("Status", "Created", "Kind", "Tries", "Worker", "Error", "To", "Phase")


def print_tasks(found: Sequence[Task], total: int, is_filtered: bool) -> None:
    """A list of tasks, of which there are `total`."""
    print_list(_COLUMNS, found, importance=_IMPORTANCE, noun="task", total=total, is_filtered=is_filtered)


def print_task(task: Task) -> None:
    """One task with all its fields that are not empty."""
    formatting.print_fields(_fields(task))


def _fields(task: Task) -> Iterator[tuple[str, str | Text]]:
    yield "task", formatting.ident(task.task_id, "bold")
    yield "status", formatting.status(task.status.value)
    yield "kind", task.kind
    yield "phase", task.phase
    yield "from", task.from_role
    yield "to", task.to_role
    yield "worker", formatting.ident(task.worker_id)
    yield "attempts", f"{task.attempts:,} of {task.max_attempts:,}"
    yield "priority", str(task.priority) if task.priority else ""
    yield "session", formatting.ident(task.session_id)
    yield "error", task.error
    yield "payload", formatting.payload(task.payload)
    yield "result", formatting.payload(task.result)
    yield "dedupe key", formatting.ident(task.dedupe_key)
    yield "idempotency", formatting.ident(task.idempotency_key)
    yield "labels", formatting.labels(task.labels)
    yield "metadata", formatting.metadata(task.metadata)
    yield "trace", formatting.ident(task.trace_id)
    yield "version", str(task.version)
    yield "created", formatting.moment(task.create_time)
    yield "not before", formatting.moment(task.run_after_time)
    yield "started", formatting.moment(task.start_time)
    yield "lease lapses", formatting.moment(task.lease_expire_time)
    yield "updated", formatting.moment(task.update_time)
    yield "ended", formatting.moment(task.end_time)
