"""The storage port: the janitor."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class SweepCounts(Struct, frozen=True):
    """How many of each a sweep has dealt with, in all namespaces."""

    sessions_expired: int = 0
    """Sessions whose retention had passed."""
    approvals_expired: int = 0
    """Approvals whose time was up."""
    leases_checked: int = 0
    """Leases whose first end had passed: those that were not extended have gone back or failed."""
    keys_freed: int = 0
    """Idempotency keys of tasks that no longer hold."""
    requests_forgotten: int = 0
    """Ids of requests that no longer answer a repetition."""
    documents_deleted: int = 0
    """Documents whose time to live had passed."""
    versions_deleted: int = 0
    """Versions of states beyond the number kept."""
    sessions_deleted: int = 0
    """Sessions that ended long enough ago."""


class Janitor(Protocol):
    """Clears up what time has overtaken, so that nothing grows without bound.

    It works in small transactions, rests in between, and passes over what others are at work on. Of several
    servers one sweeps at a time.
    """

    async def sweep(self, *, patient: bool = False) -> SweepCounts:
        """Clear up, and return how many of each that was.

        Sessions at rest for longer than their retention, or than the policy's if they have none of their own,
        expire as by any other transition; those that are never to expire do not. Approvals whose time is up
        expire. Tasks whose lease has lapsed are given back, or fail after their last attempt. Documents whose
        time to live has passed are deleted. Idempotency keys of tasks and ids of requests are forgotten
        after the policy's time. The first sweep of a server deletes the versions of states beyond the
        number kept. Sessions that ended as long ago as the policy's purge time are deleted with all that
        hangs on them; by default none is.

        While another server sweeps this leaves the rest to it or, if `patient`, waits for it.
        """
        ...
