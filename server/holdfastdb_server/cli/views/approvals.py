"""Approvals as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from holdfastdb import Approval, ApprovalStatus
from holdfastdb_server.cli.views import formatting


def print_table(found: Sequence[Approval], total: int, is_filtered: bool) -> None:
    """A table of approvals, of which there are `total`."""
    console = formatting.console()
    if not found:
        console.print("No approval is like that." if is_filtered else "There are no approvals here yet.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    # An id is for copying, so it is shown whole.
    table.add_column("Approval", style="bold", overflow="fold", max_width=40)
    table.add_column("Status", no_wrap=True)
    table.add_column("Title", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("Asked by", no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("Of", no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("Decided by", no_wrap=True, overflow="ellipsis", max_width=20)
    table.add_column("When", no_wrap=True, style="dim")
    for one in found:
        table.add_row(
            Text(one.approval_id),
            formatting.status(one.status.value),
            Text(formatting.one_line(one.title)),
            Text(formatting.one_line(one.requested_by)),
            Text(formatting.one_line(one.approver)),
            Text(formatting.one_line(one.decided_by)),
            _when(one),
        )
    console.print(table)
    if total > len(found):
        console.print(f"{len(found):,} of {total:,} approvals; --limit or --all shows more.", style="dim")
    else:
        console.print(f"{len(found):,} approval{'s' if len(found) > 1 else ''}.", style="dim")
    if found[0].status is ApprovalStatus.PENDING:
        hint = "`holdfast approve ID` and `holdfast reject ID` decide, `holdfast approvals ID` shows one."
        console.print(hint, style="dim")


def _when(approval: Approval) -> str:
    if approval.status is ApprovalStatus.PENDING and approval.expire_time is not None:
        return f"expires {formatting.ago(approval.expire_time)}"
    return formatting.ago(approval.end_time or approval.create_time)


def print_approval(approval: Approval) -> None:
    """One approval with all its fields that are not empty."""
    grid = formatting.fields()
    grid.add_row("approval", Text(approval.approval_id, style="bold"))
    grid.add_row("status", formatting.status(approval.status.value))
    for name, text in _texts(approval):
        if text:
            grid.add_row(name, Text(formatting.plain(text)))
    for name, time in (
        ("requested", approval.create_time),
        ("expires" if approval.status is ApprovalStatus.PENDING else "", approval.expire_time),
        ("ended", approval.end_time),
    ):
        if name and time is not None:
            grid.add_row(name, formatting.moment(time))
    formatting.console().print(grid)


def _texts(approval: Approval) -> Iterator[tuple[str, str]]:
    yield "title", approval.title
    yield "payload", formatting.payload(approval.payload)
    yield "asked by", approval.requested_by
    yield "asked of", approval.approver
    yield "session", approval.session_id
    yield "task", approval.task_id
    yield "run", approval.run_id
    yield "decided by", approval.decided_by
    yield "reason", approval.reason
    yield "response", formatting.payload(approval.response)
    yield "labels", "\n".join(f"{key}={value}" for key, value in sorted(approval.labels.items()))
    yield "trace", approval.trace_id
