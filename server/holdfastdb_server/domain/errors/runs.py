"""Errors of runs."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import FailedPrecondition, NotFound


class RunNotFound(NotFound):
    """No run has this id in this namespace."""

    reason = "RUN_NOT_FOUND"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"no run '{run_id}'", run_id=run_id)


class RunEnded(FailedPrecondition):
    """The run has ended; only its labels and metadata can be changed."""

    reason = "RUN_ENDED"

    def __init__(self, run_id: str, status: str) -> None:
        super().__init__(
            f"run '{run_id}' is {status}; only its labels and metadata can be changed",
            run_id=run_id,
            status=status,
        )
