"""The storage port: tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.tasks.moves import Claim, Lease, Release, TaskChange, TaskTransition
from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFilter


class TaskStore(Protocol):
    """Tasks and their leases.

    All times of a task go by the database's clock, the one that all servers share. A lease that has lapsed
    is gone from that moment for every method: the task is PENDING again, or FAILED after its last attempt,
    with one version more, and the token is refused. A session's task appends `holdfast.task.<status>` to the
    session's history in the transaction that changes the status; for a lapse, in the first one afterwards.
    """

    async def create(self, namespace: str, draft: TaskDraft) -> Task:
        """Create the task, pending, at version 1, and return it.

        If a task with this id, or with this idempotency key while that holds, was created from the same
        draft, return that as it is now. Raises IdTaken and IdempotencyKeyTaken if it was another draft,
        OpenTaskExists if there is an open task of this kind and dedupe key, and SessionNotFound.
        """
        ...

    async def get(self, namespace: str, task_id: str) -> Task:
        """Return the task. Raises TaskNotFound if it is absent."""
        ...

    async def list(self, namespace: str, where: TaskFilter, page: PageRequest) -> Page[Task]:
        """Return the tasks that match all of `where`, by creation time.

        The cursor is (creation time in microseconds, key). A task that is there during the whole of the
        paging is returned exactly once. A page ends before it passes PAGE_BYTES but has at least one item.
        """
        ...

    async def update(
        self,
        namespace: str,
        task_id: str,
        change: TaskChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Task:
        """Change the fields, raise the version by one, and return the task.

        A change without effect leaves the version. Raises TaskNotFound, LeaseNotHeld, TaskEnded,
        VersionMismatch, and InvalidField or LimitExceeded if the result passes a bound.
        """
        ...

    async def transition(
        self,
        namespace: str,
        task_id: str,
        move: TaskTransition,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Task:
        """Move the task and return it. A final status ends the lease and frees the dedupe key.

        Raises TaskNotFound, LeaseNotHeld, TransitionNotAllowed, VersionMismatch and LimitExceeded.
        """
        ...

    async def claim(
        self, namespace: str, wanted: Claim, wait: timedelta = timedelta(), request_id: str = ""
    ) -> Lease | None:
        """Lease a pending task that is due and matches all of `wanted`, move it to RUNNING and return it.

        It is the one of the greatest priority, the oldest among equals. No two claims get one task. If there
        is none, wait for one, on any server, at most so long; then return None, which is not kept under the
        request id. A repeated request gets its lease, even if that has lapsed, and the task as it is now.
        Raises TaskNotFound if `wanted.task_id` is absent, Overloaded when too many wait, and ServerDraining.
        """
        ...

    async def extend(self, namespace: str, task_id: str, token: str, lease_duration: timedelta) -> datetime:
        """Let the lease lapse so long from now, and return when. Raises TaskNotFound and LeaseNotHeld."""
        ...

    async def release(self, namespace: str, task_id: str, release: Release, request_id: str = "") -> Task:
        """Give the task back and return it: pending, or failed after its last attempt if that failed.

        An attempt that did not fail does not count. Raises TaskNotFound and LeaseNotHeld.
        """
        ...

    async def delete(self, namespace: str, task_id: str, expected_version: int | None = None) -> None:
        """Delete the task, its keys and its lease. Raises TaskNotFound and VersionMismatch."""
        ...

    async def requeue_lapsed(self, limit: int) -> int:
        """Write down what has become of tasks of any namespace whose leases lapsed, the first `limit`.

        Returns how many leases it looked at: with less than `limit`, there are no more for now.
        """
        ...
