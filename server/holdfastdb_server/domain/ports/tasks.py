"""The storage port: tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.tasks.moves import Claim, Lease, Release, TaskChange, TaskTransition
from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFilter


class TaskStore(Protocol):
    """Tasks and their leases.

    All times of a task are those of the database's clock, which all servers share. From its
    `lease_expire_time` on a lease has ended for every method: the task is PENDING again, or FAILED after
    its last attempt, its version is one greater, and the token is refused. If a task belongs to a
    session, `holdfast.task.<status>` is appended to the session's history in the transaction that changes
    the status; if a lease expired, in the first transaction afterwards that changes the task.
    """

    async def create(self, namespace: str, draft: TaskDraft) -> Task:
        """Create the task, pending, at version 1, and return it.

        If a task with this id, or with this idempotency key while that is kept, was created from the same
        draft, return that as it is now. Raises IdTaken or IdempotencyKeyTaken if it was created from
        another one, OpenTaskExists if an open task has this kind and dedupe key, and SessionNotFound.
        """
        ...

    async def get(self, namespace: str, task_id: str) -> Task:
        """Return the task. Raises TaskNotFound if it is absent."""
        ...

    async def list(self, namespace: str, where: TaskFilter, page: PageRequest) -> Page[Task]:
        """Return the tasks that match all of `where`, by creation time.

        The cursor is (creation time in microseconds, key). A task that exists from the first page to the
        last is returned exactly once. A page has at most PAGE_BYTES bytes, or one item that is larger.
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

        A change without effect leaves the version as it is. Raises TaskNotFound, LeaseNotHeld, TaskEnded,
        VersionMismatch, and InvalidField or LimitExceeded if the result is out of bounds.
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
        """Change the status and return the task.

        A final status ends the lease, and another task may have the dedupe key.

        Raises TaskNotFound, LeaseNotHeld, TransitionNotAllowed, VersionMismatch and LimitExceeded.
        """
        ...

    async def claim(
        self, namespace: str, wanted: Claim, wait: timedelta = timedelta(), request_id: str = ""
    ) -> Lease | None:
        """Lease a pending task that can be claimed now and matches all of `wanted`; set it to RUNNING.

        It is the one with the greatest priority, and of several the one created first. Two leases of one
        task never overlap. If no task matches, wait at most `wait` for one created or released through
        any server; then return None, which is not kept under the request id. A repeated request returns
        its lease, even if that has expired, with the task as it is now. Raises TaskNotFound if the task
        `wanted.task_id` does not exist, Overloaded if too many calls wait, and ServerDraining.
        """
        ...

    async def extend(self, namespace: str, task_id: str, token: str, lease_duration: timedelta) -> datetime:
        """Let the lease expire after this duration and return when. Raises TaskNotFound and LeaseNotHeld."""
        ...

    async def release(self, namespace: str, task_id: str, release: Release, request_id: str = "") -> Task:
        """End the lease and return the task: PENDING, or FAILED if its last attempt failed.

        An attempt that did not fail is not counted. Raises TaskNotFound and LeaseNotHeld.
        """
        ...

    async def delete(self, namespace: str, task_id: str, expected_version: int | None = None) -> None:
        """Delete the task, its keys and its lease. Raises TaskNotFound and VersionMismatch."""
        ...

    async def requeue_lapsed(self, limit: int) -> int:
        """Store the expiry of leases of all namespaces, the earliest first; read at most `limit` leases.

        Returns how many leases it read: if fewer than `limit`, no expired lease is left.
        """
        ...
