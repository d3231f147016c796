"""Tasks as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from holdfastdb import Task
from holdfastdb_server.cli.transcripts.lines import plain_numbers
from holdfastdb_server.cli.views import as_json, formatting


def print_table(found: Sequence[Task], total: int, is_filtered: bool) -> None:
    """A table of tasks, of which there are `total`."""
    console = formatting.console()
    if not found:
        console.print("No task is like that." if is_filtered else "There are no tasks here yet.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    # An id is for copying, so it is shown whole.
    table.add_column("Task", style="bold", overflow="fold", max_width=40)
    table.add_column("Status", no_wrap=True)
    table.add_column("Kind", no_wrap=True, overflow="ellipsis", max_width=16)
    table.add_column("Phase", no_wrap=True, overflow="ellipsis", max_width=16)
    table.add_column("To", no_wrap=True, overflow="ellipsis", max_width=16)
    table.add_column("Worker", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("Tries", no_wrap=True, justify="right")
    table.add_column("Error", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("Created", no_wrap=True, style="dim")
    for task in found:
        table.add_row(
            Text(task.task_id),
            formatting.status(task.status.value),
            Text(formatting.one_line(task.kind)),
            Text(formatting.one_line(task.phase)),
            Text(formatting.one_line(task.to_role)),
            Text(formatting.one_line(task.worker_id)),
            f"{task.attempts:,}" if task.attempts else "",
            Text(formatting.one_line(task.error)),
            formatting.ago(task.create_time),
        )
    console.print(table)
    if total > len(found):
        console.print(f"{len(found):,} of {total:,} tasks; --limit or --all shows more.", style="dim")
    else:
        console.print(f"{len(found):,} task{'s' if len(found) > 1 else ''}.", style="dim")


def print_task(task: Task) -> None:
    """One task with all its fields that are not empty."""
    grid = formatting.fields()
    grid.add_row("task", Text(task.task_id, style="bold"))
    grid.add_row("status", formatting.status(task.status.value))
    for name, text in _texts(task):
        if text:
            grid.add_row(name, Text(formatting.plain(text)))
    for name, time in (
        ("created", task.create_time),
        ("not before", task.run_after_time),
        ("started", task.start_time),
        ("lease lapses", task.lease_expire_time),
        ("updated", task.update_time),
        ("ended", task.end_time),
    ):
        if time is not None:
            grid.add_row(name, formatting.moment(time))
    formatting.console().print(grid)


def _texts(task: Task) -> Iterator[tuple[str, str]]:
    yield "kind", task.kind
    yield "phase", task.phase
    yield "from", task.from_role
    yield "to", task.to_role
    yield "worker", task.worker_id
    yield "attempts", f"{task.attempts:,} of {task.max_attempts:,}"
    yield "priority", str(task.priority) if task.priority else ""
    yield "session", task.session_id
    yield "error", task.error
    yield "payload", formatting.payload(task.payload)
    yield "result", formatting.payload(task.result)
    yield "dedupe key", task.dedupe_key
    yield "idempotency", task.idempotency_key
    yield "labels", "\n".join(f"{key}={value}" for key, value in sorted(task.labels.items()))
    yield "metadata", as_json.dump(plain_numbers(dict(task.metadata))) if task.metadata else ""
    yield "trace", task.trace_id
    yield "version", str(task.version)
