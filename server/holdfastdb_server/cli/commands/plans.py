"""`holdfast plans`: list plans, or show one as a checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import lists, options
from holdfastdb_server.cli.invocation import Server, call
from holdfastdb_server.domain.plans.plan import PlanStatus

if TYPE_CHECKING:
    from holdfastdb import AsyncClient


def plans(
    plan: Annotated[str | None, typer.Argument(metavar="PLAN", help="Show this plan as a checklist.")] = None,
    session: Annotated[str, typer.Option("--session", metavar="ID", help="Only plans of this session.")] = "",
    status: Annotated[list[PlanStatus] | None, options.with_status(PlanStatus)] = None,
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
    """List plans, the newest first, or show one as a checklist.

    Example: holdfast plans --session order-42 --status active

    Exits with 1 if there is no such plan or no server replies, with 2 for wrong usage.
    """
    server = Server(target, namespace, token, tls)
    if plan is not None:
        found = call(server, lambda client: client.plans.get(plan))
        if as_json:
            from holdfastdb_server.cli.views.as_json import write

            write(found)
        else:
            from holdfastdb_server.cli.views.plans import print_checklist

            print_checklist(found)
        return
    filters = {
        "session_id": session,
        "statuses": [one.value for one in status or ()],
        "labels": options.pairs("--label", label),
        "metadata": options.scalars("--metadata", metadata),
    }
    call(server, lambda client: _list(client, filters, None if every else limit, as_json))


async def _list(client: AsyncClient, filters: dict[str, Any], limit: int | None, as_json: bool) -> None:
    pager = client.plans.list(
        **filters,
        page_size=lists.page_size(limit),
        include_total_size=not as_json,
        omit_items=not as_json,
    )
    found, total = await lists.read(pager, limit, as_json)
    if not as_json:
        from holdfastdb_server.cli.views.plans import print_plans

        print_plans(found, total, any(filters.values()))
