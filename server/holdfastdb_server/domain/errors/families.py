"""The families of errors: one for each canonical gRPC code that we use."""

from __future__ import annotations

from typing import ClassVar


class HoldfastError(Exception):
    """A call failed for a reason that the contract names."""

    code: ClassVar[str]
    reason: ClassVar[str]

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = {name: str(value) for name, value in metadata.items()}


class InvalidArgument(HoldfastError):
    """The request can never succeed as it is: `field` has the `problem`."""

    code = "INVALID_ARGUMENT"
    field: str
    problem: str


class NotFound(HoldfastError):
    """What the request names is not there."""

    code = "NOT_FOUND"


class AlreadyExists(HoldfastError):
    """An id is taken by something else."""

    code = "ALREADY_EXISTS"


class Aborted(HoldfastError):
    """An expectation is stale; nothing was changed."""

    code = "ABORTED"


class FailedPrecondition(HoldfastError):
    """A rule of the life cycle forbids it."""

    code = "FAILED_PRECONDITION"


class ResourceExhausted(HoldfastError):
    """A bound is reached."""

    code = "RESOURCE_EXHAUSTED"


class Unavailable(HoldfastError):
    """Not now: retry after `retry_seconds`."""

    code = "UNAVAILABLE"
    retry_seconds: ClassVar[float] = 1.0


class Unauthenticated(HoldfastError):
    """The caller is not known."""

    code = "UNAUTHENTICATED"


class PermissionDenied(HoldfastError):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"
