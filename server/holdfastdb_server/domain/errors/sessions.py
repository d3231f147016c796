"""Errors of sessions, their states and their events."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    NotFound,
)


class SessionNotFound(NotFound):
    """No session has this id in this namespace."""

    reason = "SESSION_NOT_FOUND"

    def __init__(self, session_id: str) -> None:
        super().__init__(f"no session '{session_id}'", session_id=session_id)


class StateNotFound(NotFound):
    """The session has no state with this key, or the state does not have this version (any more)."""

    reason = "STATE_NOT_FOUND"

    def __init__(self, session_id: str, key: str, version: int | None = None) -> None:
        which = f"state '{key}'" if version is None else f"version {version} of state '{key}'"
        super().__init__(
            f"session '{session_id}' has no {which}",
            session_id=session_id,
            key=key,
            **({} if version is None else {"version": version}),
        )


class EventIdTaken(AlreadyExists):
    """The session's history has an event with this id and other content."""

    reason = "EVENT_ID_TAKEN"

    def __init__(self, session_id: str, event_id: str, sequence: int) -> None:
        super().__init__(
            f"event '{event_id}' exists in session '{session_id}' at sequence {sequence} with other content",
            session_id=session_id,
            event_id=event_id,
            sequence=sequence,
        )


class SequenceMismatch(Aborted):
    """`expected_last_sequence` is not the actual last sequence."""

    reason = "SEQUENCE_MISMATCH"

    def __init__(self, session_id: str, expected: int, actual: int) -> None:
        super().__init__(
            f"the last sequence of session '{session_id}' is {actual}, not {expected}",
            session_id=session_id,
            expected=expected,
            actual=actual,
        )


class SessionEnded(FailedPrecondition):
    """The session has ended; its states can no longer be changed."""

    reason = "SESSION_ENDED"

    def __init__(self, session_id: str, status: str) -> None:
        super().__init__(
            f"session '{session_id}' is {status}; its states can no longer be changed",
            session_id=session_id,
            status=status,
        )


class StateNotPatchable(FailedPrecondition):
    """The state holds bytes, not JSON, so no merge patch can be applied."""

    reason = "STATE_NOT_PATCHABLE"

    def __init__(self, session_id: str, key: str) -> None:
        super().__init__(
            f"state '{key}' of session '{session_id}' holds bytes, not JSON", session_id=session_id, key=key
        )
