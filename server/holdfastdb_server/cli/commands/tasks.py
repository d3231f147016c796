"""`holdfast tasks`: list tasks, or show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import lists, options
from holdfastdb_server.cli.invocation import Server, call
from holdfastdb_server.domain.tasks.task import TaskStatus

if TYPE_CHECKING:
    from holdfastdb import AsyncClient


def tasks(
    task: Annotated[
        str | None, typer.Argument(metavar="TASK", help="Show this task with all its fields.")
    ] = None,
    status: Annotated[list[TaskStatus] | None, options.with_status(TaskStatus)] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only this kind. May be repeated."),
    ] = None,
    phase: Annotated[str, typer.Option("--phase", metavar="TEXT", help="Only in this phase.")] = "",
    to_role: Annotated[str, typer.Option("--to", metavar="ROLE", help="Only tasks for this role.")] = "",
    from_role: Annotated[str, typer.Option("--from", metavar="ROLE", help="Only tasks from this role.")] = "",
    worker: Annotated[
        str,
        typer.Option("--worker", metavar="ID", help="Only tasks whose last lease this worker has or had."),
    ] = "",
    session: Annotated[str, typer.Option("--session", metavar="ID", help="Only tasks of this session.")] = "",
    label: options.Label = None,
    metadata: options.Metadata = None,
    limit: lists.Limit = 20,
    every: lists.Every = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """List tasks, the newest first, or show one.

    Example: holdfast tasks --status pending --status running --to coder

    Exits with 1 if there is no such task or no server replies, with 2 for wrong usage.
    """
    server = Server(target, namespace, token, tls)
    if task is not None:
        _show(server, task, as_json)
        return
    filters: dict[str, Any] = {
        "statuses": [one.value for one in status or ()],
        "kinds": kind,
        "phase": phase,
        "to_role": to_role,
        "from_role": from_role,
        "worker_id": worker,
        "session_id": session,
        "labels": options.pairs("--label", label),
        "metadata": options.scalars("--metadata", metadata),
    }
    filters = {name: value for name, value in filters.items() if value}
    call(server, lambda client: _list(client, filters, None if every else limit, as_json))


def _show(server: Server, task: str, as_json: bool) -> None:
    found = call(server, lambda client: client.tasks.get(task))
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        write(found)
    else:
        from holdfastdb_server.cli.views.tasks import print_task

        print_task(found)


async def _list(client: AsyncClient, filters: dict[str, Any], limit: int | None, as_json: bool) -> None:
    pager = client.tasks.list(
        **filters,
        page_size=lists.page_size(limit),
        include_total_size=not as_json,
        omit_payload=not as_json,
    )
    found, total = await lists.read(pager, limit, as_json)
    if not as_json:
        from holdfastdb_server.cli.views.tasks import print_tasks

        print_tasks(found, total, bool(filters))
