"""Errors of tasks and their leases."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import AlreadyExists, FailedPrecondition, NotFound


class TaskNotFound(NotFound):
    """No task has this id in this namespace."""

    reason = "TASK_NOT_FOUND"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"no task '{task_id}'", task_id=task_id)


class IdempotencyKeyTaken(AlreadyExists):
    """A task with this idempotency key exists and was created with other content."""

    reason = "IDEMPOTENCY_KEY_TAKEN"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"task '{task_id}' has this idempotency key and was created with other content", task_id=task_id
        )


class OpenTaskExists(AlreadyExists):
    """A PENDING or RUNNING task has this kind and `dedupe_key`."""

    reason = "OPEN_TASK_EXISTS"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task '{task_id}' has this kind and dedupe key and is open", task_id=task_id)


class LeaseNotHeld(FailedPrecondition):
    """The request has no lease token, or not that of the task's present lease."""

    reason = "LEASE_NOT_HELD"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"the request does not have the token of the present lease of task '{task_id}'", task_id=task_id
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
