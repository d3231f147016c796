"""`holdfast approvals`: list approvals, or show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import lists, options
from holdfastdb_server.cli.decisions import show
from holdfastdb_server.cli.invocation import Server, call
from holdfastdb_server.domain.approvals import ApprovalStatus

if TYPE_CHECKING:
    from holdfastdb import Approval, AsyncClient


def approvals(
    approval: Annotated[
        str | None, typer.Argument(metavar="APPROVAL", help="Show this approval with all its fields.")
    ] = None,
    status: Annotated[list[ApprovalStatus] | None, options.with_status(ApprovalStatus)] = None,
    approver: Annotated[
        str,
        typer.Option("--approver", metavar="NAME", help="Only approvals that this approver is asked for."),
    ] = "",
    session: Annotated[
        str, typer.Option("--session", metavar="ID", help="Only approvals of this session.")
    ] = "",
    label: options.Label = None,
    limit: lists.Limit = 20,
    every: lists.Every = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """List approvals, pending ones first, then the newest first, or show one.

    Example: holdfast approvals --status pending --approver ada

    Exits with 1 if there is no such approval or no server replies, with 2 for wrong usage.
    """
    server = Server(target, namespace, token, tls)
    if approval is not None:
        show(call(server, lambda client: client.approvals.get(approval)), as_json)
        return
    filters = {"approver": approver, "session_id": session, "labels": options.pairs("--label", label)}
    wanted = [one.value for one in status or ApprovalStatus]
    is_filtered = bool(status) or any(filters.values())
    call(
        server, lambda client: _list(client, wanted, filters, is_filtered, None if every else limit, as_json)
    )


async def _list(
    client: AsyncClient,
    wanted: list[Any],
    filters: dict[str, Any],
    is_filtered: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    found: list[Approval] = []
    total = 0
    pending = ApprovalStatus.PENDING.value
    for statuses in ([one for one in wanted if one == pending], [one for one in wanted if one != pending]):
        left = None if limit is None else limit - len(found)
        if not statuses:
            continue
        pager = client.approvals.list(
            statuses=statuses,
            **filters,
            # Not 0, the default size: with no room left, a page of one item gives the total.
            page_size=lists.page_size(left if left is None else max(left, 1)),
            include_total_size=not as_json,
            omit_payload=not as_json,
        )
        if left == 0:
            total += 0 if as_json else (await pager.page()).total_size or 0
            continue
        some, count = await lists.read(pager, left, as_json)
        found.extend(some)
        total += count
    if not as_json:
        from holdfastdb_server.cli.views.approvals import print_approvals

        print_approvals(found, total, is_filtered)
