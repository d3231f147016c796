"""What can go wrong with a call.

    HoldfastError
    ├── InvalidArgument      a field is missing, malformed, too long or out of range
    ├── NotFound             no such session, state, event, ...
    ├── AlreadyExists        the id was used before, for something else
    ├── Aborted              a concurrent write was first; nothing was changed
    │   ├── VersionMismatch      `expected_version` is not the actual version
    │   └── SequenceMismatch     `expected_last_sequence` is not the actual one
    ├── FailedPrecondition   a rule of the life cycle forbids it
    │   └── LeaseNotHeld         the task's lease has lapsed, or is another worker's
    ├── ResourceExhausted    a limit is reached, or the server is overloaded
    ├── Unavailable          the server or its database cannot be reached now
    ├── DeadlineExceeded     no response in time; a write may or may not have been applied
    ├── Unauthenticated      no valid token
    ├── PermissionDenied     the token is not for this namespace
    ├── Unimplemented        the server does not know the method
    └── Internal             a bug of the server

Code against the class or the `reason`; the message is for people and may change.
"""

# ruff: noqa: S105 -- the names are those of gRPC's codes and of the contract's reasons
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

import grpc

__all__ = [
    "Aborted", "AlreadyExists", "DeadlineExceeded", "FailedPrecondition", "FieldViolation",
    "HoldfastError", "Internal", "InvalidArgument", "LeaseNotHeld", "NotFound", "PermissionDenied",
    "Reason", "ResourceExhausted", "SequenceMismatch", "Unauthenticated", "Unavailable", "Unimplemented",
    "VersionMismatch",
]  # fmt: skip


class Reason(StrEnum):
    """Why a call failed: `ErrorReason` of the contract, which documents each, without its prefix."""

    INVALID_FIELD = "INVALID_FIELD"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"
    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    STATE_NOT_FOUND = "STATE_NOT_FOUND"
    EVENT_NOT_FOUND = "EVENT_NOT_FOUND"
    TASK_NOT_FOUND = "TASK_NOT_FOUND"
    RUN_NOT_FOUND = "RUN_NOT_FOUND"
    APPROVAL_NOT_FOUND = "APPROVAL_NOT_FOUND"
    PLAN_NOT_FOUND = "PLAN_NOT_FOUND"
    PLAN_ITEM_NOT_FOUND = "PLAN_ITEM_NOT_FOUND"
    MEMORY_NOT_FOUND = "MEMORY_NOT_FOUND"
    DOCUMENT_NOT_FOUND = "DOCUMENT_NOT_FOUND"
    ID_TAKEN = "ID_TAKEN"
    EVENT_ID_TAKEN = "EVENT_ID_TAKEN"
    REQUEST_ID_TAKEN = "REQUEST_ID_TAKEN"
    IDEMPOTENCY_KEY_TAKEN = "IDEMPOTENCY_KEY_TAKEN"
    OPEN_TASK_EXISTS = "OPEN_TASK_EXISTS"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    SEQUENCE_MISMATCH = "SEQUENCE_MISMATCH"
    TRANSITION_NOT_ALLOWED = "TRANSITION_NOT_ALLOWED"
    SESSION_ENDED = "SESSION_ENDED"
    STATE_NOT_PATCHABLE = "STATE_NOT_PATCHABLE"
    LEASE_NOT_HELD = "LEASE_NOT_HELD"
    APPROVAL_ALREADY_DECIDED = "APPROVAL_ALREADY_DECIDED"
    DEPENDENCY_CYCLE = "DEPENDENCY_CYCLE"
    PARENT_NOT_FOUND = "PARENT_NOT_FOUND"
    TASK_ENDED = "TASK_ENDED"
    RUN_ENDED = "RUN_ENDED"
    DOCUMENT_HAS_CHILDREN = "DOCUMENT_HAS_CHILDREN"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    OVERLOADED = "OVERLOADED"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    SERVER_DRAINING = "SERVER_DRAINING"
    SCHEMA_MISMATCH = "SCHEMA_MISMATCH"
    TOKEN_INVALID = "TOKEN_INVALID"
    NAMESPACE_NOT_ALLOWED = "NAMESPACE_NOT_ALLOWED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that was refused: its path in the request (`events[3].payload.json`) and what is allowed."""

    field: str
    description: str


class HoldfastError(Exception):
    """A call failed. The subclasses say how; see this module's tree."""

    default_code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    code: grpc.StatusCode
    """The canonical gRPC code."""
    message: str
    """The server's sentence for people."""
    reason: str
    """A `Reason`, a name that a newer server knows, or empty if the server did not send one (no
    connection, a proxy's response)."""
    metadata: Mapping[str, str]
    """The values that matter; the contract's `ErrorReason` lists them for each reason."""
    field_violations: Sequence[FieldViolation]
    """For INVALID_ARGUMENT: the fields that were refused."""
    retry_delay: timedelta | None
    """How long the server asks to wait before a retry."""
    call_id: str
    """The call's `x-request-id`, by which the server's log knows it. Empty if nothing was sent."""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_delay: timedelta | None = None,
        call_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.field_violations = tuple(field_violations)
        self.retry_delay = retry_delay
        self.call_id = call_id

    def __str__(self) -> str:
        return f"{self.message} ({self.reason or self.code.name})"


class InvalidArgument(HoldfastError):
    """A field is missing, malformed, too long or out of range. `field_violations` names it."""

    default_code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(HoldfastError):
    """There is no such thing in this namespace."""

    default_code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(HoldfastError):
    """The id was used before, for something with other content."""

    default_code = grpc.StatusCode.ALREADY_EXISTS


class Aborted(HoldfastError):
    """A concurrent write was first, and nothing was changed. Read again, decide again, then retry."""

    default_code = grpc.StatusCode.ABORTED


class _Mismatch(Aborted):
    """The two versions or sequences of a mismatch."""

    @property
    def expected(self) -> int:
        """The value that the caller expected."""
        return int(self.metadata["expected"])

    @property
    def actual(self) -> int:
        """The actual value."""
        return int(self.metadata["actual"])


class VersionMismatch(_Mismatch):
    """`expected_version` is not the actual version. `actual` is 0 where there is no such thing."""


class SequenceMismatch(_Mismatch):
    """`expected_last_sequence` is not the session's last sequence."""


class FailedPrecondition(HoldfastError):
    """A rule of the life cycle forbids it, such as saving state to a session that has ended."""

    default_code = grpc.StatusCode.FAILED_PRECONDITION


class LeaseNotHeld(FailedPrecondition):
    """The lease has expired, or the task was cancelled or leased to another worker. Stop the work."""


class ResourceExhausted(HoldfastError):
    """A count or size that the server bounds is reached, or it is overloaded."""

    default_code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unavailable(HoldfastError):
    """The server or its database cannot be reached now, also after the client's own retries.

    A write may or may not have been applied: repeat it with the same ids.
    """

    default_code = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(HoldfastError):
    """There was no response within the timeout. A write may or may not have been applied."""

    default_code = grpc.StatusCode.DEADLINE_EXCEEDED


class Unauthenticated(HoldfastError):
    """The call has no valid token."""

    default_code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(HoldfastError):
    """The token is not for this namespace."""

    default_code = grpc.StatusCode.PERMISSION_DENIED


class Unimplemented(HoldfastError):
    """The server does not know the method."""

    default_code = grpc.StatusCode.UNIMPLEMENTED


class Internal(HoldfastError):
    """A bug of the server. Its log has the trace under `call_id`."""

    default_code = grpc.StatusCode.INTERNAL
