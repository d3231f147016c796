"""Errors of several nouns, and of the server itself."""

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
    """The page token is not from this list, or was returned for a request with other fields."""

    reason = "INVALID_PAGE_TOKEN"
    field = "page_token"
    problem = "was not returned for this request; list again without a token"

    def __init__(self) -> None:
        super().__init__(f"page_token: {self.problem}", field=self.field)


class MalformedRequest(InvalidArgument):
    """The bytes of the request cannot be decoded as the method's request message."""

    reason = "MALFORMED_REQUEST"
    field = "request"
    problem = "cannot be decoded as this method's request message (are all strings UTF-8?)"

    def __init__(self) -> None:
        super().__init__(f"request: {self.problem}", field=self.field)


class IdTaken(AlreadyExists):
    """A resource with this id exists and was created with other content."""

    reason = "ID_TAKEN"

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(
            f"{resource} '{name}' exists and was created with other content", resource=resource, id=name
        )


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
    """The life cycle does not allow the change from the actual to the requested status."""

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
        """`cycle`: the ids, each of which depends on the next one and the last on the first."""
        path = " -> ".join(f"'{name}'" for name in (*cycle, cycle[0]))
        super().__init__(f"the dependencies form a cycle: {path}", **metadata)


class LimitExceeded(ResourceExhausted):
    """The result would exceed a maximum count or size."""

    reason = "LIMIT_EXCEEDED"

    def __init__(self, limit: str, actual: int, maximum: int) -> None:
        super().__init__(
            f"{limit} would be {actual}, more than {maximum}", limit=limit, actual=actual, maximum=maximum
        )


class Overloaded(ResourceExhausted):
    """The server's maximum number of writes, tails or waiting calls is reached."""

    reason = "OVERLOADED"


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached. A write may or may not have been applied."""

    reason = "DATABASE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("the database cannot be reached; repeat the request with the same ids")


class ServerDraining(Unavailable):
    """The server is stopping."""

    reason = "SERVER_DRAINING"
    retry_seconds = 0.1

    def __init__(self) -> None:
        super().__init__("the server is stopping; repeat the request")


class SchemaMismatch(Unavailable):
    """The database's schema is not of the version that this server needs."""

    reason = "SCHEMA_MISMATCH"
    retry_seconds = 5.0


class TokenInvalid(Unauthenticated):
    """The call has no valid bearer token."""

    reason = "TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__("the call needs a valid token: authorization: Bearer <token>")


class NamespaceNotAllowed(PermissionDenied):
    """The token does not allow this namespace."""

    reason = "NAMESPACE_NOT_ALLOWED"

    def __init__(self, namespace: str) -> None:
        super().__init__(f"the token does not allow namespace '{namespace}'", namespace=namespace)
