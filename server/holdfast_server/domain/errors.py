"""Everything that can go wrong, by name.

A class stands for one fact. Its docstring is its meaning, `reason` is its name in the contract's
`ErrorReason`, and the family it descends from is its canonical gRPC code:

    HoldfastError
    ├── InvalidArgument            InvalidField, InvalidPageToken, MalformedRequest
    ├── NotFound                   SessionNotFound, StateNotFound
    ├── AlreadyExists              IdTaken, EventIdTaken, RequestIdTaken
    ├── Aborted                    VersionMismatch, SequenceMismatch
    ├── FailedPrecondition         TransitionNotAllowed, SessionEnded, StateNotPatchable
    ├── ResourceExhausted          LimitExceeded, Overloaded
    ├── Unavailable                DatabaseUnavailable, ServerDraining, SchemaMismatch
    ├── Unauthenticated            TokenInvalid
    └── PermissionDenied           NamespaceNotAllowed
"""

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


class InvalidField(InvalidArgument):
    """A field is missing, malformed, too long or out of its range."""

    reason = "INVALID_FIELD"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}", field=field)
        self.field = field
        self.problem = problem


class InvalidPageToken(InvalidArgument):
    """The page token is not from this list, or the filter is not the one it was made for."""

    reason = "INVALID_PAGE_TOKEN"
    field = "page_token"
    problem = "is not from this list with this filter; start again without a token"

    def __init__(self) -> None:
        super().__init__(f"page_token: {self.problem}", field=self.field)


class MalformedRequest(InvalidArgument):
    """The bytes of the request are not the message that the method takes."""

    reason = "MALFORMED_REQUEST"
    field = "request"
    problem = "is not the message that this method takes (are all strings UTF-8?)"

    def __init__(self) -> None:
        super().__init__(f"request: {self.problem}", field=self.field)


class NotFound(HoldfastError):
    """What the request names is not there."""

    code = "NOT_FOUND"


class SessionNotFound(NotFound):
    """No session has this id in this namespace."""

    reason = "SESSION_NOT_FOUND"

    def __init__(self, session_id: str) -> None:
        super().__init__(f"no session '{session_id}'", session_id=session_id)


class StateNotFound(NotFound):
    """The session has no state with this key, or no longer that version."""

    reason = "STATE_NOT_FOUND"

    def __init__(self, session_id: str, key: str, version: int | None = None) -> None:
        which = f"state '{key}'" if version is None else f"version {version} of state '{key}'"
        super().__init__(
            f"session '{session_id}' has no {which}",
            session_id=session_id,
            key=key,
            **({} if version is None else {"version": version}),
        )


class AlreadyExists(HoldfastError):
    """An id is taken by something else."""

    code = "ALREADY_EXISTS"


class IdTaken(AlreadyExists):
    """The id belongs to a resource that was made with other content."""

    reason = "ID_TAKEN"

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(f"{resource} '{name}' exists with other content", resource=resource, id=name)


class EventIdTaken(AlreadyExists):
    """The session's history has an event with this id and other content."""

    reason = "EVENT_ID_TAKEN"

    def __init__(self, session_id: str, event_id: str, sequence: int) -> None:
        super().__init__(
            f"event '{event_id}' is at sequence {sequence} of session '{session_id}' with other content",
            session_id=session_id,
            event_id=event_id,
            sequence=sequence,
        )


class RequestIdTaken(AlreadyExists):
    """The `request_id` was used for another request."""

    reason = "REQUEST_ID_TAKEN"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"request_id '{request_id}' was used for another request", request_id=request_id)


class Aborted(HoldfastError):
    """An expectation is stale; nothing was changed."""

    code = "ABORTED"


class VersionMismatch(Aborted):
    """`expected_version` is not the actual version."""

    reason = "VERSION_MISMATCH"

    def __init__(self, resource: str, name: str, expected: int, actual: int) -> None:
        super().__init__(
            f"{resource} '{name}' is at version {actual}, not {expected}",
            resource=resource,
            id=name,
            expected=expected,
            actual=actual,
        )


class SequenceMismatch(Aborted):
    """`expected_last_sequence` is not the actual last sequence."""

    reason = "SEQUENCE_MISMATCH"

    def __init__(self, session_id: str, expected: int, actual: int) -> None:
        super().__init__(
            f"session '{session_id}' is at sequence {actual}, not {expected}",
            session_id=session_id,
            expected=expected,
            actual=actual,
        )


class FailedPrecondition(HoldfastError):
    """A rule of the life cycle forbids it."""

    code = "FAILED_PRECONDITION"


class TransitionNotAllowed(FailedPrecondition):
    """The life cycle has no move from the actual to the wanted status."""

    reason = "TRANSITION_NOT_ALLOWED"

    def __init__(self, resource: str, name: str, current: str, wanted: str) -> None:
        super().__init__(
            f"{resource} '{name}' is {current} and cannot become {wanted}",
            resource=resource,
            id=name,
            **{"from": current, "to": wanted},
        )


class SessionEnded(FailedPrecondition):
    """The session has ended; its state is frozen."""

    reason = "SESSION_ENDED"

    def __init__(self, session_id: str, status: str) -> None:
        super().__init__(
            f"session '{session_id}' is {status}; its state is frozen", session_id=session_id, status=status
        )


class StateNotPatchable(FailedPrecondition):
    """A merge patch needs a state that holds JSON."""

    reason = "STATE_NOT_PATCHABLE"

    def __init__(self, session_id: str, key: str) -> None:
        super().__init__(
            f"state '{key}' of session '{session_id}' holds bytes, not JSON", session_id=session_id, key=key
        )


class ResourceExhausted(HoldfastError):
    """A bound is reached."""

    code = "RESOURCE_EXHAUSTED"


class LimitExceeded(ResourceExhausted):
    """A count or size that the server bounds is reached."""

    reason = "LIMIT_EXCEEDED"

    def __init__(self, limit: str, actual: int, maximum: int) -> None:
        super().__init__(
            f"{limit} would be {actual}, more than {maximum}", limit=limit, actual=actual, maximum=maximum
        )


class Overloaded(ResourceExhausted):
    """The server has as many writes or tails waiting as it takes."""

    reason = "OVERLOADED"


class Unavailable(HoldfastError):
    """Not now: retry after `retry_seconds`."""

    code = "UNAVAILABLE"
    retry_seconds: ClassVar[float] = 1.0


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached now."""

    reason = "DATABASE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("the database cannot be reached now; repeat the request with the same ids")


class ServerDraining(Unavailable):
    """The server is stopping."""

    reason = "SERVER_DRAINING"
    retry_seconds = 0.1

    def __init__(self) -> None:
        super().__init__("the server is stopping; reconnect and go on")


class SchemaMismatch(Unavailable):
    """The database's schema is not the one this server knows."""

    reason = "SCHEMA_MISMATCH"
    retry_seconds = 5.0


class Unauthenticated(HoldfastError):
    """The caller is not known."""

    code = "UNAUTHENTICATED"


class TokenInvalid(Unauthenticated):
    """The call has no valid bearer token."""

    reason = "TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__("the call needs a valid token: authorization: Bearer <token>")


class PermissionDenied(HoldfastError):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"


class NamespaceNotAllowed(PermissionDenied):
    """The token is not for this namespace."""

    reason = "NAMESPACE_NOT_ALLOWED"

    def __init__(self, namespace: str) -> None:
        super().__init__(f"the token is not for namespace '{namespace}'", namespace=namespace)
