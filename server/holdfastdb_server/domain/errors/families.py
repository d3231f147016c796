"""The base classes of errors: one for each gRPC status code that the server answers with."""

from __future__ import annotations

from typing import ClassVar


class HoldfastError(Exception):
    """A call failed for a reason in the contract's `ErrorReason`. `metadata` goes into its ErrorInfo."""

    code: ClassVar[str]
    reason: ClassVar[str]

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = {name: str(value) for name, value in metadata.items()}


class InvalidArgument(HoldfastError):
    """The request is invalid whatever is stored: `field` has the `problem`."""

    code = "INVALID_ARGUMENT"
    field: str
    problem: str


class NotFound(HoldfastError):
    """A resource that the request names does not exist."""

    code = "NOT_FOUND"


class AlreadyExists(HoldfastError):
    """An id or key is in use by something else."""

    code = "ALREADY_EXISTS"


class Aborted(HoldfastError):
    """`expected_version` or `expected_last_sequence` is not the actual one."""

    code = "ABORTED"


class FailedPrecondition(HoldfastError):
    """The state of a resource does not allow the request."""

    code = "FAILED_PRECONDITION"


class ResourceExhausted(HoldfastError):
    """A limit of a resource or of the server is reached."""

    code = "RESOURCE_EXHAUSTED"


class Unavailable(HoldfastError):
    """The server cannot serve the call now. The caller may retry after `retry_seconds`."""

    code = "UNAVAILABLE"
    retry_seconds: ClassVar[float] = 1.0


class Unauthenticated(HoldfastError):
    """The call has no valid credentials."""

    code = "UNAUTHENTICATED"


class PermissionDenied(HoldfastError):
    """The caller's credentials do not allow the call."""

    code = "PERMISSION_DENIED"
