"""The storage port: approvals."""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.approvals import Approval, ApprovalFilter, ApprovalRequest, Decision
from holdfastdb_server.domain.paging import Page, PageRequest


class ApprovalStore(Protocol):
    """Approvals and their decisions.

    Each status that an approval of a session takes, its first one too, is appended to that session's
    history in the same transaction. An approval whose time is up is expired: nothing returns it as pending
    any more, and whatever returns it has written its expiry down first.
    """

    async def request(self, namespace: str, request: ApprovalRequest) -> Approval:
        """Record the question, pending, and return it.

        If an approval with this id asks the same request, return that as it is now. Raises IdTaken if it
        asks another one, and SessionNotFound.
        """
        ...

    async def decide(
        self, namespace: str, approval_id: str, decision: Decision, request_id: str = ""
    ) -> Approval:
        """Approve, reject or cancel a pending approval, and return it.

        Of several at the same instant exactly one decides. Raises ApprovalNotFound, LimitExceeded, and
        ApprovalAlreadyDecided, with the status, if it is no longer pending.
        """
        ...

    async def get(self, namespace: str, approval_id: str) -> Approval:
        """Return the approval. Raises ApprovalNotFound if it is absent."""
        ...

    async def list(self, namespace: str, where: ApprovalFilter, page: PageRequest) -> Page[Approval]:
        """Return the approvals that match all of `where`, by the time of their request.

        The cursor is (creation time in microseconds, key). An approval that is there during the whole of
        the paging is returned exactly once. A page ends before it passes PAGE_BYTES but has at least one
        item.
        """
        ...

    async def wait(self, namespace: str, approval_id: str, seconds: float) -> Approval:
        """Return the approval the moment it is no longer pending, or as it is when the seconds are over.

        Decisions through other servers count. Raises ApprovalNotFound, also when it is deleted meanwhile;
        ServerDraining when the store is closing; Overloaded when there are too many who wait.
        """
        ...

    async def expire(self, limit: int) -> int:
        """Write down the expiry of at most `limit` approvals whose time is up, and return how many it were.

        The first to expire come first, in all namespaces.
        """
        ...
