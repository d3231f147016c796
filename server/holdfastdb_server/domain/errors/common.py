"""Errors that any noun may have."""

from __future__ import annotations

from collections.abc import Sequence

from holdfastdb_server.domain.errors.families import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)


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


class IdTaken(AlreadyExists):
    """The id belongs to a resource that was made with other content."""

    reason = "ID_TAKEN"

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(f"{resource} '{name}' exists with other content", resource=resource, id=name)


class RequestIdTaken(AlreadyExists):
    """The `request_id` was used for another request."""

    reason = "REQUEST_ID_TAKEN"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"request_id '{request_id}' was used for another request", request_id=request_id)


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


class DependencyCycle(FailedPrecondition):
    """The plan's dependencies, or the document's parents, form a cycle."""

    reason = "DEPENDENCY_CYCLE"

    def __init__(self, cycle: Sequence[str], **metadata: object) -> None:
        """`cycle` names those that depend on each other, each on the next and the last on the first."""
        way = " -> ".join(f"'{name}'" for name in (*cycle, cycle[0]))
        super().__init__(f"these would depend on themselves: {way}", **metadata)


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


class TokenInvalid(Unauthenticated):
    """The call has no valid bearer token."""

    reason = "TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__("the call needs a valid token: authorization: Bearer <token>")


class NamespaceNotAllowed(PermissionDenied):
    """The token is not for this namespace."""

    reason = "NAMESPACE_NOT_ALLOWED"

    def __init__(self, namespace: str) -> None:
        super().__init__(f"the token is not for namespace '{namespace}'", namespace=namespace)
