"""Everything that can go wrong, by name.

A class stands for one fact. Its docstring is its meaning, `reason` is its name in the contract's
`ErrorReason`, and the family it descends from is its canonical gRPC code:

    HoldfastError
    ├── InvalidArgument            InvalidField, InvalidPageToken, MalformedRequest
    ├── NotFound                   SessionNotFound, StateNotFound, RunNotFound, ApprovalNotFound
    ├── AlreadyExists              IdTaken, EventIdTaken, RequestIdTaken, IdempotencyKeyTaken,
    │                              OpenTaskExists
    ├── Aborted                    VersionMismatch, SequenceMismatch
    ├── FailedPrecondition         TransitionNotAllowed, SessionEnded, StateNotPatchable, RunEnded,
    │                              ApprovalAlreadyDecided
    ├── ResourceExhausted          LimitExceeded, Overloaded
    ├── Unavailable                DatabaseUnavailable, ServerDraining, SchemaMismatch
    ├── Unauthenticated            TokenInvalid
    └── PermissionDenied           NamespaceNotAllowed
"""

from __future__ import annotations

from holdfast_server.domain.errors.approvals import ApprovalAlreadyDecided, ApprovalNotFound
from holdfast_server.domain.errors.common import (
    DatabaseUnavailable,
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
from holdfast_server.domain.errors.families import (
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
from holdfast_server.domain.errors.runs import RunEnded, RunNotFound
from holdfast_server.domain.errors.sessions import (
    EventIdTaken,
    SequenceMismatch,
    SessionEnded,
    SessionNotFound,
    StateNotFound,
    StateNotPatchable,
)

__all__ = [
    "Aborted",
    "AlreadyExists",
    "ApprovalAlreadyDecided",
    "ApprovalNotFound",
    "DatabaseUnavailable",
    "EventIdTaken",
    "FailedPrecondition",
    "HoldfastError",
    "IdTaken",
    "InvalidArgument",
    "InvalidField",
    "InvalidPageToken",
    "LimitExceeded",
    "MalformedRequest",
    "NamespaceNotAllowed",
    "NotFound",
    "Overloaded",
    "PermissionDenied",
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
    "TokenInvalid",
    "TransitionNotAllowed",
    "Unauthenticated",
    "Unavailable",
    "VersionMismatch",
]
