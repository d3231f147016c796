"""Errors of approvals."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import FailedPrecondition, NotFound


class ApprovalNotFound(NotFound):
    """No approval has this id in this namespace."""

    reason = "APPROVAL_NOT_FOUND"

    def __init__(self, approval_id: str) -> None:
        super().__init__(f"no approval '{approval_id}'", approval_id=approval_id)


class ApprovalAlreadyDecided(FailedPrecondition):
    """The approval is not PENDING: it was decided or cancelled, or it has expired."""

    reason = "APPROVAL_ALREADY_DECIDED"

    def __init__(self, approval_id: str, status: str) -> None:
        super().__init__(
            f"approval '{approval_id}' is {status} and cannot be decided",
            approval_id=approval_id,
            status=status,
        )
