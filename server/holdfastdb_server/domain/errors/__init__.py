"""The errors that a call can fail with.

A class stands for one fact, which its docstring states. `reason` is its name in the contract's `ErrorReason`.
Its base class stands for its gRPC status code:

    HoldfastError
    ├── InvalidArgument            InvalidField, InvalidPageToken, MalformedRequest
    ├── NotFound                   SessionNotFound, StateNotFound, RunNotFound, ApprovalNotFound,
    │                              TaskNotFound, PlanNotFound, PlanItemNotFound, MemoryNotFound,
    │                              DocumentNotFound
    ├── AlreadyExists              IdTaken, EventIdTaken, RequestIdTaken, IdempotencyKeyTaken,
    │                              OpenTaskExists
    ├── Aborted                    VersionMismatch, SequenceMismatch
    ├── FailedPrecondition         TransitionNotAllowed, SessionEnded, StateNotPatchable, RunEnded,
    │                              ApprovalAlreadyDecided, LeaseNotHeld, TaskEnded,
    │                              DependencyCycle, ParentNotFound, DocumentHasChildren
    ├── ResourceExhausted          LimitExceeded, Overloaded
    ├── Unavailable                DatabaseUnavailable, ServerDraining, SchemaMismatch
    ├── Unauthenticated            TokenInvalid
    └── PermissionDenied           NamespaceNotAllowed
"""

from __future__ import annotations

from holdfastdb_server.domain.errors.approvals import ApprovalAlreadyDecided, ApprovalNotFound
from holdfastdb_server.domain.errors.common import (
    DatabaseUnavailable,
    DependencyCycle,
    IdTaken,
    InvalidField,
    InvalidPageToken,
    LimitExceeded,
    MalformedRequest,
    NamespaceNotAllowed,
    Overloaded,
    RequestIdTaken,
    SchemaMismatch,
    ServerDraining,
    TokenInvalid,
    TransitionNotAllowed,
    VersionMismatch,
)
from holdfastdb_server.domain.errors.documents import (
    DocumentHasChildren,
    DocumentNotFound,
    ParentNotFound,
)
from holdfastdb_server.domain.errors.families import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    HoldfastError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from holdfastdb_server.domain.errors.memories import MemoryNotFound
from holdfastdb_server.domain.errors.plans import PlanItemNotFound, PlanNotFound
from holdfastdb_server.domain.errors.runs import RunEnded, RunNotFound
from holdfastdb_server.domain.errors.sessions import (
    EventIdTaken,
    SequenceMismatch,
    SessionEnded,
    SessionNotFound,
    StateNotFound,
    StateNotPatchable,
)
from holdfastdb_server.domain.errors.tasks import (
    IdempotencyKeyTaken,
    LeaseNotHeld,
    OpenTaskExists,
    TaskEnded,
    TaskNotFound,
)

__all__ = [
    "Aborted",
    "AlreadyExists",
    "ApprovalAlreadyDecided",
    "ApprovalNotFound",
    "DatabaseUnavailable",
    "DependencyCycle",
    "DocumentHasChildren",
    "DocumentNotFound",
    "EventIdTaken",
    "FailedPrecondition",
    "HoldfastError",
    "IdTaken",
    "IdempotencyKeyTaken",
    "InvalidArgument",
    "InvalidField",
    "InvalidPageToken",
    "LeaseNotHeld",
    "LimitExceeded",
    "MalformedRequest",
    "MemoryNotFound",
    "NamespaceNotAllowed",
    "NotFound",
    "OpenTaskExists",
    "Overloaded",
    "ParentNotFound",
    "PermissionDenied",
    "PlanItemNotFound",
    "PlanNotFound",
    "RequestIdTaken",
    "ResourceExhausted",
    "RunEnded",
    "RunNotFound",
    "SchemaMismatch",
    "SequenceMismatch",
    "ServerDraining",
    "SessionEnded",
    "SessionNotFound",
    "StateNotFound",
    "StateNotPatchable",
    "TaskEnded",
    "TaskNotFound",
    "TokenInvalid",
    "TransitionNotAllowed",
    "Unauthenticated",
    "Unavailable",
    "VersionMismatch",
]
