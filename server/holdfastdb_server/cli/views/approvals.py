"""Approvals as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from holdfastdb import Approval, ApprovalStatus
from holdfastdb_server.cli.views import formatting
from holdfastdb_server.cli.views.tables import Column, Fit, print_list, remark


def _when(approval: Approval) -> str:
    if approval.status is ApprovalStatus.PENDING and approval.expire_time is not None:
        return f"expires {formatting.ago(approval.expire_time)}"
    return formatting.ago(approval.end_time or approval.create_time)


_COLUMNS: tuple[Column[Approval], ...] = (
    Column("Approval", lambda one: one.approval_id, Fit.ID, style="bold"),
    Column("Status", lambda one: formatting.status(one.status.value)),
    Column("Title", lambda one: one.title, Fit.TEXT),
    Column("Asked by", lambda one: one.requested_by, Fit.WORD),
    Column("Of", lambda one: one.approver, Fit.WORD),
    Column("Decided by", lambda one: one.decided_by, Fit.WORD),
    Column("When", _when, style="dim"),
)
_IMPORTANCE = ("Status", "When", "Of", "Title", "Decided by", "Asked by")


def print_approvals(found: Sequence[Approval], total: int, is_filtered: bool) -> None:
    """A list of approvals, of which there are `total`."""
    print_list(_COLUMNS, found, importance=_IMPORTANCE, noun="approval", total=total, is_filtered=is_filtered)
    if found and found[0].status is ApprovalStatus.PENDING:
        remark("`holdfast approve ID` and `holdfast reject ID` decide, `holdfast approvals ID` shows one.")


def print_approval(approval: Approval) -> None:
    """One approval with all its fields that are not empty."""
    formatting.print_fields(_fields(approval))


def _fields(approval: Approval) -> Iterator[tuple[str, str | Text]]:
    yield "approval", formatting.ident(approval.approval_id, "bold")
    yield "status", formatting.status(approval.status.value)
    yield "title", approval.title
    yield "payload", formatting.payload(approval.payload)
    yield "asked by", formatting.ident(approval.requested_by)
    yield "asked of", formatting.ident(approval.approver)
    yield "session", formatting.ident(approval.session_id)
    yield "task", formatting.ident(approval.task_id)
    yield "run", formatting.ident(approval.run_id)
    yield "decided by", formatting.ident(approval.decided_by)
    yield "reason", approval.reason
    yield "response", formatting.payload(approval.response)
    yield "labels", formatting.labels(approval.labels)
    yield "trace", formatting.ident(approval.trace_id)
    yield "requested", formatting.moment(approval.create_time)
    if approval.status is ApprovalStatus.PENDING:
        yield "expires", formatting.moment(approval.expire_time)
    yield "ended", formatting.moment(approval.end_time)
