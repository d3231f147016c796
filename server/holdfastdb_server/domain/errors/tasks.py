"""Errors of tasks and their leases."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import AlreadyExists, FailedPrecondition, NotFound


class TaskNotFound(NotFound):
    """No task has this id in this namespace."""

    reason = "TASK_NOT_FOUND"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"no task '{task_id}'", task_id=task_id)


class IdempotencyKeyTaken(AlreadyExists):
    """The idempotency key was used for another task."""

    reason = "IDEMPOTENCY_KEY_TAKEN"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"the idempotency key is that of task '{task_id}', which has other content", task_id=task_id
        )


class OpenTaskExists(AlreadyExists):
    """An open task has this kind and `dedupe_key`."""

    reason = "OPEN_TASK_EXISTS"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task '{task_id}', of the same kind and dedupe key, is open", task_id=task_id)


class LeaseNotHeld(FailedPrecondition):
    """The caller does not hold the task's lease, or it has lapsed."""

    reason = "LEASE_NOT_HELD"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"the lease of task '{task_id}' is not held with this token, or with none", task_id=task_id
        )


class TaskEnded(FailedPrecondition):
    """The task has ended; only its labels and metadata can be changed."""

    reason = "TASK_ENDED"

    def __init__(self, task_id: str, status: str) -> None:
        super().__init__(
            f"task '{task_id}' is {status}; only its labels and metadata can be changed",
            task_id=task_id,
            status=status,
        )
