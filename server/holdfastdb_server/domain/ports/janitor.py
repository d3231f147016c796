"""The storage port: the janitor."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class SweepCounts(Struct, frozen=True):
    """The results of a sweep: numbers of rows of all namespaces."""

    sessions_expired: int = 0
    """Sessions that were set to EXPIRED."""
    approvals_expired: int = 0
    """Approvals that were set to EXPIRED."""
    leases_checked: int = 0
    """Leases whose first expiry had passed. Those not extended since were ended: PENDING or FAILED."""
    keys_freed: int = 0
    """Expired idempotency keys of tasks that were cleared."""
    requests_forgotten: int = 0
    """Expired request ids that were deleted."""
    documents_deleted: int = 0
    """Expired documents that were deleted."""
    versions_deleted: int = 0
    """State versions beyond the number kept that were deleted."""
    sessions_deleted: int = 0
    """Ended sessions that were deleted after the policy's purge time."""


class Janitor(Protocol):
    """Expires and deletes what is past its time, so that the database does not grow without bound.

    It works in small transactions with pauses between them, and skips rows that another transaction has
    locked. Of several servers one sweeps at a time.
    """

    async def sweep(self, *, patient: bool = False) -> SweepCounts:
        """Expire and delete what is past its time, and return how many of each.

        A session whose `last_activity_time` is longer ago than its retention, or than the policy's if it has
        none, becomes EXPIRED as by a transition, unless it never expires. After the policy's was shortened, a
        session may stay open for that time more. A pending approval whose `expire_time` has passed becomes
        EXPIRED. A task whose lease has expired becomes PENDING, or FAILED after its last attempt. Expired
        documents are deleted. Idempotency keys of tasks and request ids are deleted after the policy's time.
        The first sweep of a server deletes the state versions beyond the number kept. A session that ended
        longer ago than the policy's purge time is deleted with all that belongs to it; by default none is.

        While another server sweeps, this call does not; with `patient` it waits until it can.
        """
        ...
