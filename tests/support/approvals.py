"""Approvals for tests to store."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import Approval, ApprovalRequest, ApprovalStatus, Decision
from holdfastdb_server.domain.ports import Store
from tests.support.content import NAMESPACE

MINUTE = timedelta(minutes=1)


async def ask(store: Store, approval_id: str = "a", *, namespace: str = NAMESPACE, **fields: Any) -> Approval:
    """Request an approval. `fields` are those of ApprovalRequest."""
    return await store.approvals.request(namespace, ApprovalRequest(approval_id, **fields).checked())


async def decide(
    store: Store,
    approval_id: str = "a",
    status: ApprovalStatus = ApprovalStatus.APPROVED,
    *,
    by: str = "ada",
    request_id: str = "",
    **fields: Any,
) -> Approval:
    """Answer an approval. `fields` are those of Decision."""
    decision = Decision(status, by, **fields).checked()
    return await store.approvals.decide(NAMESPACE, approval_id, decision, request_id)


async def bring(store: Store, status: ApprovalStatus, approval_id: str = "a") -> Approval:
    """Move a new approval to a status other than EXPIRED."""
    if status is ApprovalStatus.PENDING:
        return await store.approvals.get(NAMESPACE, approval_id)
    return await decide(store, approval_id, status)


class Clock:
    """The time of the approvals' storage, which a test moves on instead of waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = timedelta()
        self._stopped: datetime | None = None
        for module in ("approvals.store", "write_path.transaction"):
            monkeypatch.setattr(f"holdfastdb_server.storage.{module}.datetime", self)

    def now(self, zone: tzinfo) -> datetime:
        """Return the time, as `datetime.now` does."""
        return self._stopped or datetime.now(zone) + self._ahead

    def stop(self, time: datetime) -> None:
        """Let it be that time from now on."""
        self._stopped = time

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self._ahead += timedelta(seconds=seconds)
