"""The storage port: approvals."""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.approvals import Approval, ApprovalFilter, ApprovalRequest, Decision
from holdfastdb_server.domain.paging import Page, PageRequest


class ApprovalStore(Protocol):
    """Approvals and their decisions.

    If an approval belongs to a session, each status that it takes, the first included, is appended to the
    session's history in the same transaction. From its `expire_time` on a pending approval is returned as
    EXPIRED by every method, which first stores the expiry.
    """

    async def request(self, namespace: str, request: ApprovalRequest) -> Approval:
        """Create the approval, pending, and return it.

        If an approval with this id exists and has the same request, return that as it is now. Raises IdTaken
        if it has another request, and SessionNotFound.
        """
        ...

    async def decide(
        self, namespace: str, approval_id: str, decision: Decision, request_id: str = ""
    ) -> Approval:
        """Approve, reject or cancel a pending approval, and return it.

        Of several concurrent calls exactly one succeeds. Raises ApprovalNotFound, LimitExceeded, and
        ApprovalAlreadyDecided, with the status, if the approval is not pending.
        """
        ...

    async def get(self, namespace: str, approval_id: str) -> Approval:
        """Return the approval. Raises ApprovalNotFound if it is absent."""
        ...

    async def list(self, namespace: str, where: ApprovalFilter, page: PageRequest) -> Page[Approval]:
        """Return the approvals that match all of `where`, by creation time.

        The cursor is (creation time in microseconds, key). An approval that exists from the first page to the
        last is returned exactly once. A page has at most PAGE_BYTES bytes, or one item that is larger.
        """
        ...

    async def wait(self, namespace: str, approval_id: str, seconds: float) -> Approval:
        """Return the approval as soon as it is not pending, or as it is after so many seconds.

        A decision made through another server ends the wait too. Raises ApprovalNotFound, also if the
        approval is deleted during the wait; ServerDraining when the store closes; and Overloaded if too many
        calls wait.
        """
        ...

    async def expire(self, limit: int) -> int:
        """Store the expiry of at most `limit` approvals of all namespaces, and return their number.

        Those with the earliest `expire_time` come first.
        """
        ...
